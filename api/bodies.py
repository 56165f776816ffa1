"""The bodies of requests: read whole within limits of size and time, checked as JSON, and then handed on."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import json_text
from api.problems import TooLarge, TooSlow, methods_of, problem_of
from config.settings import settings
from errors import ImsError

# A client that sends a mebibyte at 64 kbit/s takes two minutes.
RECEIVE_LIMIT = timedelta(minutes=2)
# How long a refused body is still received; the rest is cut off.
DISCARD_LIMIT = timedelta(seconds=2)
_WITH_BODY = frozenset({"POST", "PATCH"})


class Bodies:
    """Refuses bodies that are too large, too slow, or no JSON.

    Args:
        app: What serves the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await _body(scope["headers"], receive, settings().api.body_bytes)
            # A mebibyte takes a while to check, and others are not to wait for it.
            await run_in_threadpool(json_text.check, body)
        except ClientDisconnect:
            return
        except ImsError as error:
            if scope["method"] not in methods_of(scope):
                # The path is what is wrong.
                await self._app(scope, _again(b"", receive), send)
                return
            # What is left of the body is not read: the connection cannot be used again.
            answer = problem_of(error, scope["method"])
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


async def _body(headers: Iterable[tuple[bytes, bytes]], receive: Receive, limit: int) -> bytes:
    """Read a body.

    Raises:
        TooLarge: It has more bytes than the limit.
        TooSlow: It has not come within the limit of time.
        ClientDisconnect: The client has gone.
    """
    declared = dict(headers).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared[:20]) > limit:
        await _discard({"more_body": True}, receive, limit)
        raise TooLarge(f"the body has more than {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(RECEIVE_LIMIT.total_seconds()):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                if len(body) > limit:
                    await _discard(message, receive, limit)
                    raise TooLarge(f"the body has more than {limit} bytes")
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError as error:
        raise TooSlow(f"the body was not received within {RECEIVE_LIMIT}") from error


async def _discard(message: Message, receive: Receive, left: int) -> None:
    """Read a little more of a body: closing a connection with unread data resets it, and the client gets no answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_LIMIT.total_seconds()):
            while message.get("more_body") and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once, and after it what the client does."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
