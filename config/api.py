"""The settings of the REST API."""

import re
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator

from config.durations import Duration
from config.groups import Group
from config.quantities import MiB

RoleName = Literal["read", "write", "purge"]
# Signatures by a private key alone: whoever may check a token could make one by a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class Api(Group):
    """Where the REST API listens, who may use it, and how much a request may ask for."""

    variable: ClassVar[str] = "IMS_API_{}"

    host: str = Field("127.0.0.1", description="Address that the REST API listens on.")
    port: int = Field(8085, ge=0, le=65535, description="Port of the REST API.")
    token: SecretStr = Field(SecretStr(""), description="Token that clients of the REST API send; empty: none.")
    open: bool = Field(
        False, description="Whether the REST API may listen on other addresses and let everyone do everything."
    )
    open_port: int = Field(
        0, ge=0, le=65535, description="Port of a second listener, which asks for no token and has no TLS; 0: none."
    )
    open_host: str = Field("127.0.0.1", description="Address that the second listener listens on.")
    open_role: RoleName = Field("write", description="What clients of the second listener may do: read, write, purge.")
    tls_certificate: Path | None = Field(
        None, description="PEM file of the REST API's certificate and those that signed it; none: HTTP without TLS."
    )
    tls_key: Path | None = Field(None, description="PEM file of that certificate's key.")
    wait: Duration = Field(
        timedelta(minutes=10),
        description="How long a request waits for the end of a deletion before it is answered 202.",
    )
    body_bytes: int = Field(1 * MiB, ge=1024, description="Limit on the body of a request, bytes.")
    connections: int = Field(20_000, ge=1, description="How many connections the REST API keeps open.")
    header_limit: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="How long a client may take to send the headers of a request.",
    )
    answer_limit: Duration = Field(
        timedelta(minutes=2),
        ge=timedelta(seconds=1),
        description="How long a client may read nothing of its answer before its connection is closed.",
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ValueError("TLS needs both: set IMS_API_TLS_CERTIFICATE and IMS_API_TLS_KEY")
        return self


class ApiClient(Group):
    """How the `ims` command reaches a REST API instead of the stores; IMS_API_TOKEN is the token that it sends."""

    variable: ClassVar[str] = "IMS_API_{}"

    url: AnyHttpUrl | None = Field(
        None, description="Address of the REST API that the commands talk to; none: they talk to S3 and Prefect."
    )
    token_file: Path | None = Field(
        None, description="File with the token that the commands send; it is read at each command."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities that the REST API's certificate is checked by."
    )


class Tokens(Group):
    """Which tokens (JWT) the REST API takes, and what they let their bearers do."""

    variable: ClassVar[str] = "IMS_API_JWT_{}"

    jwks_url: AnyHttpUrl | None = Field(
        None,
        description="Address of the public keys (JWKS) of the tokens' issuer; empty: no tokens are taken.",
    )
    issuer: str = Field("", description="The issuer that tokens must name (iss).")
    audience: str = Field("", description="The audience that tokens must name (aud).")
    algorithms: str = Field("RS256,ES256", description="Algorithms that tokens may be signed with: `RS256,ES256`.")
    roles_claim: str = Field(
        "realm_access.roles",
        description="Where a token has its bearer's roles: names of claims with points between them.",
    )
    read_role: str = Field("ims-read", min_length=1, description="The role that lets its bearer read.")
    write_role: str = Field("ims-write", min_length=1, description="The role that lets its bearer read and change.")
    purge_role: str = Field(
        "ims-purge", min_length=1, description="The role that lets its bearer also remove what cannot be restored."
    )
    leeway: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=10),
        description="How much the clock of the issuer may differ.",
    )
    ca_file: Path | None = Field(
        None,
        description="PEM file of the authorities that the JWKS server's certificate is checked by.",
    )

    @field_validator("algorithms")
    @classmethod
    def _are_pinned(cls, text: str) -> str:
        unknown = [name for name in names_in(text) if name not in ALGORITHMS]
        if unknown or not names_in(text):
            raise ValueError(f"write some of {', '.join(ALGORITHMS)} with commas between them")
        return text

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = {"IMS_API_JWT_JWKS_URL": self.jwks_url, "IMS_API_JWT_ISSUER": self.issuer}
        given["IMS_API_JWT_AUDIENCE"] = self.audience
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"tokens cannot be checked without {' and '.join(missing)}: set it")
        return self

    @property
    def are_taken(self) -> bool:
        """Whether the REST API takes tokens of an issuer."""
        return self.jwks_url is not None


def names_in(text: str) -> list[str]:
    """Return the names of a list that is written with commas or spaces between them."""
    return [name for name in re.split(r"[,\s]+", text) if name]
