"""The settings of the REST API."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field, SecretStr

from config.durations import Duration
from config.groups import Group
from config.quantities import MiB


class Api(Group):
    """Where the REST API listens, who may use it, and how much a request may ask for."""

    variable: ClassVar[str] = "IMS_API_{}"

    host: str = Field("127.0.0.1", description="Address that the REST API listens on.")
    port: int = Field(8085, ge=0, le=65535, description="Port of the REST API.")
    token: SecretStr = Field(SecretStr(""), description="Token that clients of the REST API send; empty: none.")
    open: bool = Field(False, description="Whether the REST API may listen without a token on other addresses.")
    wait: Duration = Field(
        timedelta(minutes=10),
        description="How long a request waits for the end of a deletion before it is answered 202.",
    )
    body_bytes: int = Field(1 * MiB, ge=1024, description="Limit on the body of a request, bytes.")
    connections: int = Field(20_000, ge=1, description="How many connections the REST API keeps open.")
