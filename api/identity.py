"""Who sends a request, and whether they may: by a token of the settings, or by one of an issuer. Probes show none.

Where neither is set everybody may do everything: then the service listens on this host alone, unless it is told
otherwise (server.py).
"""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.open_listener import asks_no_token
from api.problems import Forbidden, Unauthorized, problem_of
from api.roles import Role, role_for
from api.tokens import Caller, TokenCheck
from config.settings import settings
from errors import ImsError

PROBES = ("/healthz/live", "/healthz/ready")
_ANYBODY = Caller("", Role.PURGE)
# In the scope of a request, for the access log.
CALLER = "ims.caller"


class Identity:
    """Refuses requests of those who may not.

    Args:
        app: What serves the others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._check: TokenCheck | None = None
        self._checked_by: object = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http" or scope["path"].endswith(PROBES):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
            scope[CALLER] = caller.name
            _refuse(scope, caller)
        except ImsError as error:
            await problem_of(error, scope["method"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        """Return who sends a request.

        Raises:
            Unauthorized: They show no token that counts.
            Unreachable: Their token cannot be checked.
        """
        chosen, check = settings().api, self._token_check()
        if asks_no_token(scope):
            return Caller("", Role.named(chosen.open_role))
        secret = chosen.token.get_secret_value()
        if not secret and check is None:
            return _ANYBODY
        shown = _shown(scope)
        if secret and hmac.compare_digest(shown.encode(), secret.encode()):
            return Caller("token", Role.PURGE)
        if check is None:
            raise Unauthorized("the request shows a wrong token", resolution="send it as Authorization: Bearer TOKEN")
        return await check.caller(shown)

    def _token_check(self) -> TokenCheck | None:
        chosen = settings().tokens
        if self._checked_by is not chosen:
            self._check = TokenCheck(chosen) if chosen.are_taken else None
            self._checked_by = chosen
        return self._check


def _shown(scope: Scope) -> str:
    """Return the token of a request.

    Raises:
        Unauthorized: There is none.
    """
    scheme, _, shown = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not shown.strip():
        raise Unauthorized(
            "the request shows no token", resolution="send it as Authorization: Bearer TOKEN", shows_token=False
        )
    return shown.strip()


def _refuse(scope: Scope, caller: Caller) -> None:
    needed = role_for(scope["method"], scope["path"])
    if caller.role >= needed:
        return
    resolution = (
        "use the address that takes tokens" if asks_no_token(scope) else "ask for the role at who issues tokens"
    )
    raise Forbidden(needed.name.lower(), caller.role.name.lower(), resolution=resolution)
