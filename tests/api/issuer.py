"""An issuer of tokens: its keys, what it publishes of them, and tokens of every kind."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://keycloak.example.org/realms/shasta"
AUDIENCE = "ims"
DEFAULT = timedelta(minutes=5)


class Issuer:
    """An issuer with a key for RS256 and one for ES256."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.jwks: dict[str, Any] = {"keys": [public(self.rsa, "rsa-1"), public(self.ec, "ec-1", alg="ES256")]}

    @staticmethod
    def settings(jwks_url: str) -> dict[str, str]:
        """Return the variables that have the API take its tokens."""
        return {
            "IMS_API_JWT_JWKS_URL": jwks_url,
            "IMS_API_JWT_ISSUER": ISSUER,
            "IMS_API_JWT_AUDIENCE": AUDIENCE,
        }

    def claims(self, *roles: str, expires_in: timedelta = DEFAULT, **others: Any) -> dict[str, Any]:
        """Return the claims of a token as Keycloak makes them; a claim that is None is left out."""
        made = {
            "iss": ISSUER,
            "aud": [AUDIENCE, "account"],
            "exp": datetime.now(UTC) + expires_in,
            "sub": "0b1f",
            "preferred_username": "me",
            "realm_access": {"roles": [*roles, "offline_access"]},
            **others,
        }
        return {name: value for name, value in made.items() if value is not None}

    def token(self, *roles: str, key: Any = None, alg: str = "RS256", kid: str | None = "rsa-1", **claims: Any) -> str:
        """Return a token."""
        return signed(self.claims(*roles, **claims), key or self.rsa, alg, kid)


def signed(claims: Mapping[str, Any], key: Any, alg: str, kid: str | None) -> str:
    return jwt.encode(dict(claims), key, alg, headers={"kid": kid} if kid else {})


def public(key: Any, kid: str, **others: str) -> dict[str, Any]:
    """Return a public key as an issuer publishes it."""
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    written: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**written, "kid": kid, "use": "sig", **others}
