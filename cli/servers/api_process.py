"""The REST API as `ims up` runs it: a process of its own, beside Prefect's."""

import socket
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import httpx

from cli.servers.child import Child
from config.api import Api
from errors import Conflict, LimitReached

# Importing Prefect takes seconds, more when the processors are busy.
START_LIMIT = timedelta(seconds=120)
BACKLOG = 2048
_POLL_SECONDS = 0.2
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server that listens on all addresses is asked


def listening(chosen: Api) -> socket.socket:
    """Return a socket that listens where the settings say, or on any free port when theirs is taken.

    The API gets the socket itself: no other program can take its port meanwhile, and answer in its place.

    Raises:
        Conflict: This host cannot listen on the address of the settings.
    """
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    try:
        return socket.create_server((chosen.host, chosen.port), family=family, backlog=BACKLOG)
    except OSError:
        pass
    try:
        return socket.create_server((chosen.host, 0), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Conflict(
            f"the REST API cannot listen on {chosen.host}: {error.strerror}", resolution="correct IMS_API_HOST"
        ) from error


def url(chosen: Api, listener: socket.socket) -> str:
    """Return the address that this host's users reach the API by; the version follows."""
    name, port = listener.getsockname()[:2]
    host = _ANY.get(name, name)
    scheme = "https" if chosen.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/apis/ims"


def server(env: Mapping[str, str], logs: Path, chosen: Api, listener: socket.socket) -> Child:
    """Return the process that serves the API on a socket."""
    descriptor = listener.fileno()
    command = [sys.executable, "-m", "api.server", chosen.host, str(listener.getsockname()[1]), "1", str(descriptor)]
    return Child("the REST API", command, env=env, log=logs / "api.log", descriptors=[descriptor])


def await_server(child: Child, address: str) -> None:
    """Wait until the API answers.

    Raises:
        Broken: It ended.
        LimitReached: It runs, and does not answer.
    """
    end = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < end:
        child.check()
        try:
            # Its certificate need not name this address: the question is whether it lives.
            if httpx.get(f"{address}/healthz/live", trust_env=False, timeout=5, verify=False).is_success:  # noqa: S501
                return
        except httpx.TransportError:
            time.sleep(_POLL_SECONDS)
    raise LimitReached(f"{child.name} did not answer within {START_LIMIT}", resolution=f"see {child.log}")
