"""Tokens (JWT): signed by the issuer that the settings name, for this service, now; and the role that they give.

`jwt` is called here and in jwks.py alone. The algorithms are the settings', never the token's choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from api.jwks import Jwks
from api.problems import Unauthorized
from api.roles import Role
from config.api import Tokens, names_in

# Those of Keycloak with many roles have 4 KiB.
LARGEST_TOKEN_BYTES = 16 * 1024
_REQUIRED = ["exp", "iss", "aud"]
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidIssuerError, "it is of another issuer"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "it lacks one of the claims exp, iss, aud"),
    (jwt.InvalidSignatureError, "its signature is not its issuer's"),
)


@dataclass(frozen=True)
class Caller:
    """Who sends a request, and what they may do.

    Args:
        name: Who it is, for the log; empty: nobody knows.
        role: What they may do.
    """

    name: str
    role: Role


class TokenCheck:
    """Checks tokens.

    Args:
        chosen: Which ones count.
    """

    def __init__(self, chosen: Tokens) -> None:
        self._chosen = chosen
        self._algorithms = names_in(chosen.algorithms)
        self._keys = Jwks(chosen)

    async def caller(self, token: str) -> Caller:
        """Return who shows a token.

        Raises:
            Unauthorized: It does not count.
            Unreachable: The keys of its issuer cannot be fetched.
        """
        if len(token) > LARGEST_TOKEN_BYTES:
            raise _refused(f"it has more than {LARGEST_TOKEN_BYTES} bytes")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refused("it is no JWT") from error
        # Before any key is asked for: `none` and shared secrets are never among them.
        if header.get("alg") not in self._algorithms:
            raise _refused(f"it is not signed with {' or '.join(self._algorithms)}")
        name = header.get("kid")
        if not isinstance(name, str) or not name:
            raise _refused("it does not name the key that it is signed with (kid)")
        key = await self._keys.find(name)
        if key is None or not key.is_for(header["alg"]):
            raise _refused("its issuer has no such key")
        return self._caller_of(self._claims(token, key.key))

    def _claims(self, token: str, key: Any) -> Mapping[str, Any]:
        chosen = self._chosen
        try:
            return jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=chosen.audience,
                issuer=chosen.issuer,
                leeway=chosen.leeway,
                options={"require": _REQUIRED},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            reason = next((text for kind, text in _REASONS if isinstance(error, kind)), "its claims cannot be read")
            raise _refused(reason) from error

    def _caller_of(self, claims: Mapping[str, Any]) -> Caller:
        chosen = self._chosen
        named = {chosen.read_role: Role.READ, chosen.write_role: Role.WRITE, chosen.purge_role: Role.PURGE}
        given = [named.get(each, Role.NONE) for each in roles_in(claims, chosen.roles_claim)]
        who = claims.get("preferred_username") or claims.get("sub")
        return Caller(who if isinstance(who, str) else "", max(given, default=Role.NONE))


def roles_in(claims: Mapping[str, Any], place: str) -> list[str]:
    """Return the roles of a token: a list of names, or names with spaces between them; none when there is neither."""
    found = _at(claims, place)
    if isinstance(found, str):
        return found.split()
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _at(claims: object, place: str) -> object:
    """Return what is at a place; names of claims and clients may have points in them, too."""
    if not isinstance(claims, Mapping):
        return None
    if place in claims:
        return claims[place]
    names = place.split(".")
    heads = ((".".join(names[:at]), ".".join(names[at:])) for at in range(1, len(names)))
    return next((found for head, tail in heads if (found := _at(claims.get(head), tail)) is not None), None)


def _refused(reason: str) -> Unauthorized:
    return Unauthorized(
        f"the token is refused: {reason}", resolution="get a new one, and send it as Authorization: Bearer TOKEN"
    )
