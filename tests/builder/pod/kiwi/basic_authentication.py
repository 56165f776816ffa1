"""A server that asks for credentials, and has nothing: for tests of what package managers and wget send."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from tests.http_server import Answer, HttpServer, Request, serving

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="packages"'}


@contextmanager
def asking_server() -> Iterator[HttpServer]:
    """Run the server during the block."""
    with serving(HttpServer(lambda request: Answer(404 if _login(request) else 401, headers=_CHALLENGE))) as server:
        yield server


def logins(server: HttpServer) -> set[str]:
    """Return what it was told: users and passwords."""
    return {_login(request) for request in server.asked} - {""}


def _login(request: Request) -> str:
    return base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
