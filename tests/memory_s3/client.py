"""How boto3's clients come to a server in memory: by a base class that a client of such an address gets.

botocore asks before it makes the class of a client (`creating-client-class`). The calls of other clients are their own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from random import randrange
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, HTTPClientError

from storage.s3.client import _session
from tests.memory_s3.buckets import Refused

Serve = Callable[[str, Mapping[str, Any]], dict[str, Any]]

TRIED_AGAIN_STATUS = 500
_servers: dict[str, Serve] = {}


def new_host() -> str:
    """Return the host of a new server: one of this machine's, which refuses what does not go through boto3.

    Conditional reads do not (storage/s3/conditional_reads.py); what they cannot ask, boto3 is asked for.
    """
    return f"127.{randrange(1, 255)}.{randrange(256)}.{randrange(1, 255)}"


class MemoryClient:
    """Answers a client's calls without a connection; tries them as often as the client would."""

    meta: Any

    def _make_api_call(self, operation_name: str, api_params: Mapping[str, Any]) -> dict[str, Any]:
        serve = _servers.get(str(urlsplit(self.meta.endpoint_url).hostname))
        if serve is None:
            return super()._make_api_call(operation_name, api_params)  # type: ignore[misc, no-any-return]
        attempts = self.meta.config.retries["total_max_attempts"]
        for retries in range(attempts):
            is_last = retries == attempts - 1
            metadata = {"HTTPHeaders": {"date": format_datetime(datetime.now(UTC), usegmt=True)}}
            try:
                return {**serve(operation_name, api_params), "ResponseMetadata": metadata}
            except HTTPClientError:
                if is_last:
                    raise
            except Refused as refused:
                if is_last or refused.status < TRIED_AGAIN_STATUS:
                    raise _error(refused, operation_name, retries) from refused
        raise AssertionError("a client tries at least once")


@contextmanager
def answering(host: str, serve: Serve) -> Iterator[None]:
    """Have a function answer the calls of clients of a host that are made during the block."""

    def add_base_class(base_classes: list[type], **_: object) -> None:
        if MemoryClient not in base_classes:
            base_classes.insert(0, MemoryClient)

    events = _session()._session.get_component("event_emitter")
    events.register("creating-client-class.s3", add_base_class, unique_id=host)
    _servers[host] = serve
    try:
        yield
    finally:
        del _servers[host]
        events.unregister("creating-client-class.s3", unique_id=host)


def _error(refused: Refused, operation_name: str, retries: int) -> ClientError:
    answer = {
        "Error": {"Code": refused.code, "Message": refused.code},
        "ResponseMetadata": {"HTTPStatusCode": refused.status, "RetryAttempts": retries},
    }
    return ClientError(answer, operation_name)  # type: ignore[arg-type]
