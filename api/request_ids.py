"""Ids of requests: the answer, the access log and the log of the flow run of a request name the same one."""

import re
import time
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import access_log, metrics
from api.access_log import Access
from api.identity import CALLER
from api.problems import defect

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def request_id(request: Request) -> str:
    """Return the id of a request."""
    found: str = request.scope["ims.request_id"]
    return found


class RequestIds:
    """Gives each request an id, the client's own when it has one, and writes a line of the access log for each.

    Args:
        app: What serves the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        own_id = given if _GIVEN.fullmatch(given) else str(uuid4())
        scope["ims.request_id"] = own_id
        started, status, size = time.monotonic(), 0, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = own_id
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - a defect is logged here, and told in a line
            answer = defect(scope["method"], scope["path"], error)
            if not status:
                await answer(scope, receive, send_with_id)
        finally:
            seconds = time.monotonic() - started
            metrics.count_request(scope["method"], status, seconds)
            client = scope.get("client")
            access_log.write(
                Access(
                    request_id=own_id,
                    client=client[0] if client else "",
                    caller=scope.get(CALLER, ""),
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    sent_bytes=size,
                    ms=round(seconds * 1000, 1),
                )
            )
