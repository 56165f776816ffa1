"""The second listener: for clients inside a cluster that send no token. It is off unless the settings name its port.

It has no TLS, and no token is asked for: the network alone decides who reaches it. What its clients may do is a
setting, and every other limit of the service holds for them, too.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api.uvicorn_options import options_of
from config.api import Api
from config.settings import settings
from errors import Conflict

_ASKS_NO_TOKEN = "ims.asks-no-token"  # noqa: S105 - a name in the scope of requests


def asks_no_token(scope: Scope) -> bool:
    """Return whether a request came by the second listener."""
    return scope.get(_ASKS_NO_TOKEN) is True


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[None]:
    """Serve an application by the second listener as well, while the block runs, if the settings name its port."""
    chosen = settings().api
    if not chosen.open_port:
        yield
        return

    async def app_without_token(scope: Scope, receive: Receive, send: Send) -> None:
        scope[_ASKS_NO_TOKEN] = True
        await app(scope, receive, send)

    options = options_of(chosen) | {"factory": False, "lifespan": "off"}
    server = _Inner(uvicorn.Config(app_without_token, **options))
    # Each process of the service listens there by a socket of its own.
    serving = asyncio.create_task(server.serve([_bound(chosen, shared=True)]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def refuse_taken(chosen: Api) -> None:
    """Refuse to start while another program listens there.

    Raises:
        Conflict: One does.
    """
    if chosen.open_port:
        _bound(chosen, shared=False).close()


def _bound(chosen: Api, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in chosen.open_host else socket.AF_INET
    try:
        listener = socket.create_server((chosen.open_host, chosen.open_port), family=family, reuse_port=shared)
    except OSError as error:
        raise Conflict(
            f"the second listener of the REST API cannot use {chosen.open_host}, port {chosen.open_port}: "
            f"{os.strerror(error.errno or 0)}",
            resolution="choose another IMS_API_OPEN_PORT or IMS_API_OPEN_HOST",
        ) from error
    # As the first listener (server.py): without it an answer waits 40 ms for the client.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Inner(uvicorn.Server):
    """A server within the process of another one, which handles the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
