"""The shells of a job in its record: the fields of IMS v3, and the host key's fingerprint."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from storage.models.fields import ShellName

# What IMS calls them.
CUSTOMIZE = "customize"
DEBUG = "debug"


class NewSshContainer(BaseModel):
    """A shell that a job is asked for; in a jail its user sees the image's root as `/`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ShellName
    jail: bool = False


class Address(BaseModel):
    """Where something listens."""

    model_config = ConfigDict(extra="allow", frozen=True)

    host: str
    port: int


class ConnectionInfo(BaseModel):
    """How a shell is reached from outside; `cluster.local`, where there is one, is for pods of the same cluster."""

    model_config = ConfigDict(extra="allow", frozen=True)

    customer_access: Address


class SshContainer(NewSshContainer):
    """A shell of a job: whether it is open, where, and the fingerprint of its host key."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: Literal["pending", "running", "ended"] = "pending"
    connection_info: ConnectionInfo | None = None
    host_key: str = ""

    @property
    def command(self) -> str:
        """What opens it; empty when it is not open."""
        if self.connection_info is None:
            return ""
        access = self.connection_info.customer_access
        return f"ssh -p {access.port} root@{access.host}"

    @property
    def complete_file(self) -> str:
        """What its user touches to end it well."""
        return "/tmp/complete" if self.jail else "/mnt/image/complete"  # noqa: S108 - IMS's place

    def ended(self) -> "SshContainer":
        """Return the same shell, ended."""
        return self.model_copy(update={"status": "ended", "connection_info": None})
