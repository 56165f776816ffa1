"""api/tokens.py: a token counts if its issuer signed it for this service and for now, and any other is refused."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from api.problems import Unauthorized
from api.roles import Role
from api.tokens import LARGEST_TOKEN_BYTES, Caller, TokenCheck, roles_in
from config.api import Tokens
from tests.api.issuer import AUDIENCE, ISSUER, Issuer, public
from tests.http_server import Answer, HttpServer, serving

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def address(issuer: Issuer) -> Iterator[str]:
    with serving(HttpServer(lambda _: Answer(body=json.dumps(issuer.jwks).encode()))) as server:
        yield server.url


def chosen(address: str, **others: Any) -> Tokens:
    return Tokens.model_validate({"jwks_url": address, "issuer": ISSUER, "audience": AUDIENCE, **others})


def caller(address: str, token: str, **others: Any) -> Caller:
    return asyncio.run(TokenCheck(chosen(address, **others)).caller(token))


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return a token that no key has signed."""
    parts = (json.dumps(part, default=datetime.timestamp).encode() for part in (header, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def by_shared_secret(issuer: Issuer) -> str:
    """Return a token whose shared secret is the public key, which everybody knows."""
    secret = issuer.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa-1"}').rstrip(b"=")
    claims = json.dumps(issuer.claims("ims-purge"), default=datetime.timestamp).encode()
    signing = header + b"." + base64.urlsafe_b64encode(claims).rstrip(b"=")
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(signing, secret)
    return (signing + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_a_token_of_each_key_counts(issuer: Issuer, address: str) -> None:
    assert caller(address, issuer.token("ims-write")) == Caller("me", Role.WRITE)
    assert caller(address, issuer.token("ims-read", key=issuer.ec, alg="ES256", kid="ec-1")).role is Role.READ


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "none": (lambda by: unsigned({"alg": "none", "kid": "rsa-1"}, by.claims("ims-purge")), "not signed with"),
    "None": (lambda by: unsigned({"alg": "None", "kid": "rsa-1"}, by.claims("ims-purge")), "not signed with"),
    "no signature": (lambda by: unsigned({"alg": "RS256", "kid": "rsa-1"}, by.claims()), "signature"),
    "shared secret": (by_shared_secret, "not signed with"),
    "algorithm not pinned": (lambda by: by.token(alg="PS256"), "not signed with"),
    "algorithm of another key": (lambda by: by.token(kid="ec-1"), "no such key"),
    "key of another kind": (lambda by: by.token(key=by.ec, alg="ES256", kid="rsa-1"), "no such key"),
    "another key": (lambda by: by.token(key=rsa.generate_private_key(65537, 2048)), "signature"),
    "expired": (lambda by: by.token(expires_in=-HOUR), "expired"),
    "not yet": (lambda by: by.token(nbf=datetime.now(UTC) + HOUR), "not valid yet"),
    "of the future": (lambda by: by.token(iat=datetime.now(UTC) + HOUR), "not valid yet"),
    "for ever": (lambda by: by.token(exp=None), "lacks one of the claims"),
    "exp of another type": (lambda by: by.token(exp="later"), "cannot be read"),
    "exp too large": (lambda by: by.token(exp=float("inf")), "cannot be read"),
    "another issuer": (lambda by: by.token(iss=f"{ISSUER}/"), "another issuer"),
    "no issuer": (lambda by: by.token(iss=None), "lacks one of the claims"),
    "another audience": (lambda by: by.token(aud="ims2"), "another audience"),
    "no audience": (lambda by: by.token(aud=None), "lacks one of the claims"),
    "unknown key": (lambda by: by.token(kid="rsa-2"), "no such key"),
    "no name of a key": (lambda by: by.token(kid=None), "does not name the key"),
    "huge": (lambda by: by.token(padding="x" * LARGEST_TOKEN_BYTES), f"more than {LARGEST_TOKEN_BYTES} bytes"),
    "nested": (lambda by: base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.", "no JWT"),
    "no JWT": (lambda by: "abc", "no JWT"),
    "not ASCII": (lambda by: "ä.ö.ü", "no JWT"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_token_is_refused(issuer: Issuer, address: str, name: str) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(Unauthorized, match=reason):
        caller(address, make(issuer))


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_token_with_a_changed_character_is_refused(issuer: Issuer, address: str, data: st.DataObject) -> None:
    token = issuer.token("ims-read")
    # The last character of a part has bits without a meaning.
    places = [at for at in range(len(token) - 1) if "." not in token[at : at + 2]]
    at = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([each for each in "AQgw09-_" if each != token[at]]))
    with pytest.raises(Unauthorized):
        caller(address, token[:at] + other + token[at + 1 :])


def test_clocks_may_differ_by_the_setting(issuer: Issuer, address: str) -> None:
    token = issuer.token("ims-read", expires_in=timedelta(seconds=-20))
    assert caller(address, token).role is Role.READ
    assert caller(address, issuer.token("ims-read", nbf=datetime.now(UTC) + timedelta(seconds=20))).role is Role.READ
    with pytest.raises(Unauthorized, match="expired"):
        caller(address, token, leeway=5)


def test_the_highest_role_counts_and_without_one_nothing_is_allowed(issuer: Issuer, address: str) -> None:
    assert caller(address, issuer.token("ims-read", "ims-purge", "ims-write")).role is Role.PURGE
    assert caller(address, issuer.token()).role is Role.NONE
    for without in (None, {}, {"roles": None}, "ims-purge", {"roles": {"ims-purge": 1}}, {"roles": [["ims-purge"]]}):
        assert caller(address, issuer.token(realm_access=without)).role is Role.NONE


@pytest.mark.parametrize(
    ("place", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["a", 1, "b"]}}),
        ("scope", {"scope": "a b"}),
        ("resource_access.my.client.roles", {"resource_access": {"my.client": {"roles": ["a", "b"]}}}),
        ("https://example.org/roles", {"https://example.org/roles": ["a", "b"]}),
    ],
)
def test_roles_are_found_where_the_setting_says(place: str, claims: dict[str, Any]) -> None:
    assert roles_in(claims, place) == ["a", "b"]


@pytest.mark.filterwarnings("ignore:The RSA key")
def test_keys_that_sign_nothing_are_no_keys(issuer: Issuer) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode(), "kid": "shared"}
    listed: list[object] = [
        *(public(issuer.rsa, "enc", use="enc"), public(weak, "weak"), shared, {"kty": "RSA", "kid": "half"}),
        *(None, [], {"kid": ["rsa-1"]}, public(issuer.rsa, "good")),
    ]
    with serving(HttpServer(lambda _: Answer(body=json.dumps({"keys": listed}).encode()))) as server:
        assert caller(server.url, issuer.token("ims-read", kid="good")).role is Role.READ
        for kid, key in (("enc", issuer.rsa), ("weak", weak), ("half", issuer.rsa)):
            with pytest.raises(Unauthorized, match="no such key"):
                caller(server.url, issuer.token("ims-read", kid=kid, key=key))
