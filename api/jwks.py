"""The public keys of the tokens' issuer (JWKS): fetched when a token names an unknown one, and then only now and then.

Whoever sends tokens with invented keys makes this process ask the issuer once in `FETCH_EVERY`, and no more often.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from config.api import Tokens
from config.quantities import MiB
from errors import BadInput, Unreachable

logger = logging.getLogger(__name__)

# Keys are asked for again after this time: one that the issuer has withdrawn counts no longer.
KEPT = timedelta(minutes=5)
# How long the known keys count while the issuer does not answer.
KEPT_WITHOUT_ANSWER = timedelta(hours=1)
FETCH_EVERY = timedelta(seconds=5)
ANSWER_LIMIT = timedelta(seconds=5)
LARGEST_BYTES = 1 * MiB
SMALLEST_RSA_BITS = 2048
# What the names of the algorithms of each kind of public key begin with.
_ALGORITHMS_OF = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}


@dataclass(frozen=True)
class Key:
    """A public key of the issuer.

    Args:
        key: The key, as `jwt` takes it.
        kind: The kind of key.
        algorithm: The one algorithm that it is for; empty: any of its kind.
    """

    key: Any
    kind: str
    algorithm: str

    def is_for(self, algorithm: str) -> bool:
        """Return whether an algorithm can be checked with this key."""
        return algorithm[:2] in _ALGORITHMS_OF[self.kind] and self.algorithm in {"", algorithm}


class Jwks:
    """The keys of one issuer, for the requests of one process.

    Args:
        chosen: Where they are.
        clock: What counts the seconds.
    """

    def __init__(self, chosen: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = str(chosen.jwks_url)
        self._tls = _authorities(chosen)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: Mapping[str, Key] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._trouble = ""

    async def find(self, name: str) -> Key | None:
        """Return the key of a name; None when the issuer has none.

        Raises:
            Unreachable: The issuer does not answer, so that nobody knows.
        """
        if not self._counts(name, KEPT):
            async with self._lock:
                # Another request may have fetched them while this one waited.
                if not self._counts(name, KEPT) and not self._is_within(FETCH_EVERY, self._tried):
                    await self._fetch()
        if self._counts(name, KEPT_WITHOUT_ANSWER if self._trouble else KEPT):
            return self._keys[name]
        if self._trouble:
            raise Unreachable(
                f"tokens cannot be checked: {self._url}: {self._trouble}",
                resolution="try again; if it stays so, see IMS_API_JWT_JWKS_URL",
            )
        return None

    def _counts(self, name: str, limit: timedelta) -> bool:
        return name in self._keys and self._is_within(limit, self._fetched)

    def _is_within(self, limit: timedelta, since: float | None) -> bool:
        return since is not None and self._clock() - since <= limit.total_seconds()

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                self._keys = keys_of(await self._answer())
            self._fetched, self._trouble = self._clock(), ""
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            self._trouble = str(error) or f"no answer within {ANSWER_LIMIT.seconds} seconds"
            logger.warning("the keys of the tokens' issuer could not be fetched from %s: %s", self._url, self._trouble)
        finally:
            # A cancelled request has asked, too.
            self._tried = self._clock()

    async def _answer(self) -> bytes:
        async with (
            httpx.AsyncClient(verify=self._tls, timeout=ANSWER_LIMIT.total_seconds()) as client,
            client.stream("GET", self._url) as answer,
        ):
            answer.raise_for_status()
            if answer.status_code != httpx.codes.OK:
                # Redirects are not followed: keys from elsewhere are not the issuer's.
                raise ValueError(f"it answers {answer.status_code}")
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST_BYTES:
                    raise ValueError(f"it answers more than {LARGEST_BYTES} bytes")
            return bytes(body)


def keys_of(document: bytes) -> dict[str, Key]:
    """Return the keys of a JWKS document that sign tokens, by their names.

    Raises:
        ValueError: It is no such document.
    """
    content = json.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWKS document: it has no list `keys`")  # noqa: TRY004 - of a document
    found = {}
    for each in listed:
        key = _key_of(each)
        if key is not None:
            found[each["kid"]] = key
    return found


def _key_of(each: object) -> Key | None:
    """Return a key that signs tokens; None for a key of other use, without a name, weak, or of an unknown kind."""
    if not isinstance(each, dict) or not isinstance(each.get("kid"), str):
        return None
    if each.get("kty") not in list(_ALGORITHMS_OF) or each.get("use", "sig") != "sig":
        return None
    try:
        known = jwt.PyJWK(each)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(known.key, RSAPublicKey) and known.key.key_size < SMALLEST_RSA_BITS:
        return None
    return Key(known.key, each["kty"], str(each.get("alg") or ""))


def _authorities(chosen: Tokens) -> ssl.SSLContext | bool:
    if chosen.ca_file is None:
        # Reading the authorities of the host takes a while, and is of no use without TLS.
        return chosen.jwks_url is not None and chosen.jwks_url.scheme == "https"
    try:
        return ssl.create_default_context(cafile=chosen.ca_file)
    except OSError as error:
        raise BadInput(
            f"{chosen.ca_file} cannot be read as certificates: {error.strerror or error}",
            resolution="correct IMS_API_JWT_CA_FILE",
        ) from error
