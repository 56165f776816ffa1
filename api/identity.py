"""Who may use the API: those who show the token, where one is set. Probes show none."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Unauthorized, problem_of
from config.settings import settings

_PROBES = ("/healthz/live", "/healthz/ready")


class Identity:
    """Refuses requests without the token.

    Args:
        app: What serves the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        token = settings().api.token.get_secret_value()
        if scope["type"] != "http" or not token or scope["path"].endswith(_PROBES) or _shows(scope, token):
            await self._app(scope, receive, send)
            return
        error = Unauthorized("the request shows no valid token", resolution="send it as Authorization: Bearer TOKEN")
        await problem_of(error, scope["method"])(scope, receive, send)


def _shows(scope: Scope, token: str) -> bool:
    scheme, _, shown = Headers(scope=scope).get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())
