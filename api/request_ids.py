"""Ids of requests: each answer, each line of the access log and each flow run of a request names the same one."""

import json
import logging
import re
import time
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import defect

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def request_id(request: Request) -> str:
    """Return the id of a request."""
    found: str = request.scope["ims.request_id"]
    return found


class RequestIds:
    """Gives each request an id, the client's own when it has one, and logs each answer as a line of JSON.

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
        started, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = own_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - a defect is logged here, and told in a line
            answer = defect(scope["method"], scope["path"], error)
            if not status:
                await answer(scope, receive, send_with_id)
        finally:
            _log(scope, own_id, status, time.monotonic() - started)


def _log(scope: Scope, own_id: str, status: int, seconds: float) -> None:
    client = scope.get("client")
    line = {
        "request_id": own_id,
        "client": client[0] if client else "",
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    logger.info("%s", json.dumps(line))
