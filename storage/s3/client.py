"""The client of the S3 server: boto3's, with the settings that all servers known to us work with."""

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from config.groups import S3
from errors import Denied

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 32

_SESSION_LOCK = threading.Lock()


def s3_client(server: S3) -> "S3Client":
    """Return a new client of the S3 server that the settings name, as every server known to us wants it.

    Raises:
        Denied: The settings hold no credentials.
    """
    address = server.address()
    access_key, secret_key = server.access_key.get_secret_value(), server.secret_key.get_secret_value()
    if not access_key or not secret_key:
        raise Denied(
            f"no credentials for the S3 server {address} are configured",
            resolution="set IMS_S3_ACCESS_KEY and IMS_S3_SECRET_KEY",
        )
    # Making a client from a session of its own takes twenty times as long; one may not be used by two threads at once.
    with _SESSION_LOCK:
        return _session().client(
            "s3",
            endpoint_url=address,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=server.region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # Without these, Ceph 16 over HTTPS answers MissingContentLength to every PUT.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=server.connect_timeout.total_seconds(),
                read_timeout=server.read_timeout.total_seconds(),
                retries={"mode": "standard", "total_max_attempts": server.attempts},
                max_pool_connections=CONNECTIONS,
                tcp_keepalive=True,
                # The environment's proxy cannot reach a server on this host's loopback.
                proxies={} if server.is_on_loopback else None,
            ),
        )


def on_event(event: str, handler: Callable[..., None]) -> None:
    """Have a function called at an event of boto3, by every client that is made from now on; once, if it is told twice.

    Args:
        event: The event's name.
        handler: Gets what the event has; it must return nothing, and raise nothing.
    """
    with _SESSION_LOCK:
        _session().events.register(event, handler, unique_id=f"{handler.__module__}.{handler.__qualname__}")


@cache
def _session() -> Session:
    return Session()
