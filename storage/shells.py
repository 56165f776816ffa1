"""The shells of a job, as its record tells of them: the fields of IMS v3, and the host key's fingerprint."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Address(BaseModel):
    """Where something listens."""

    model_config = ConfigDict(extra="allow", frozen=True)

    host: str
    port: int


class ConnectionInfo(BaseModel):
    """How a shell is reached from outside."""

    model_config = ConfigDict(extra="allow", frozen=True)

    customer_access: Address


class SshContainer(BaseModel):
    """A shell of a job: whether it is open, where, and the fingerprint of its host key."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    jail: bool = False
    status: Literal["running", "ended"]
    connection_info: ConnectionInfo | None = None
    host_key: str = ""

    @property
    def command(self) -> str:
        """What opens it; empty when it is not open."""
        if self.connection_info is None:
            return ""
        access = self.connection_info.customer_access
        return f"ssh -p {access.port} root@{access.host}"
