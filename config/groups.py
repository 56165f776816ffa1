"""The settings in groups, with their defaults and units: each group is a part of `config/settings.py`.

A group defines how the `IMS_…` variables of its fields are named; the fields describe them.
"""

from datetime import timedelta
from ipaddress import ip_address
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr

from config.durations import Duration
from config.quantities import GiB_BYTES, MiB
from errors import BadInput


class Group(BaseModel):
    """Settings that belong together. `variable` names the variable of each: `{}` stands for the field's name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variable: ClassVar[str]


class S3(Group):
    """The S3 server, and how patiently it is called."""

    variable: ClassVar[str] = "IMS_S3_{}"

    endpoint_url: AnyHttpUrl | None = Field(None, description="Address of the S3 server.")
    access_key: SecretStr = Field(SecretStr(""), description="Access key.")
    secret_key: SecretStr = Field(SecretStr(""), description="Secret key.")
    region: str = Field("us-east-1", description="Region that requests are signed for.")
    connect_timeout: Duration = Field(timedelta(seconds=5), description="Limit on connecting to S3.")
    read_timeout: Duration = Field(timedelta(seconds=60), description="Limit on silence within an S3 answer.")
    attempts: int = Field(5, ge=1, description="How often one S3 call is tried before its task fails.")

    def address(self) -> str:
        """Return the server's address.

        Raises:
            BadInput: None is configured and no `ims up` is running.
        """
        if self.endpoint_url is None:
            raise BadInput(
                "no S3 server is configured",
                resolution="start one with `ims up`, or set IMS_S3_ENDPOINT_URL, IMS_S3_ACCESS_KEY, IMS_S3_SECRET_KEY",
            )
        return str(self.endpoint_url).rstrip("/")

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this host's own network reaches the server."""
        host = urlsplit(self.address()).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class Tasks(Group):
    """How often a step is tried again after a transient error."""

    variable: ClassVar[str] = "IMS_TASK_{}"

    retries: int = Field(4, ge=0, description="How often a failed step is tried again.")
    retry_seconds: float = Field(2, ge=0, description="Pause before the first retry, seconds; doubled at each.")


class Limits(Group):
    """How long the pods of a job may run."""

    variable: ClassVar[str] = "IMS_{}_LIMIT"

    prepare: Duration = Field(timedelta(hours=4), description="Limit on building an image root.")
    package: Duration = Field(timedelta(hours=2), description="Limit on packing an image.")
    upload: Duration = Field(timedelta(hours=6), description="Limit on uploading an image.")
    script: Duration = Field(timedelta(hours=2), description="Limit on a script or playbook that customizes an image.")


class Shells(Group):
    """How long shells stay open, and how they are reached."""

    variable: ClassVar[str] = "IMS_SHELL_{}"

    # A shell reads its orders by presigned URLs, which hold for a week at most.
    limit: Duration = Field(
        timedelta(hours=24), le=timedelta(days=7), description="How long a shell stays open unless it is extended."
    )
    # Longer than a night: a user who opens a shell in the evening finds it open in the morning.
    idle_limit: Duration = Field(
        timedelta(hours=12), le=timedelta(days=7), description="How long a shell stays open while nobody uses it."
    )
    forwarding: bool = Field(False, description="Whether connections may be forwarded through shells.")
    address: str = Field("127.0.0.1", description="Address of this host that shells listen on (Podman).")


class Recipes(Group):
    """How large a recipe may be."""

    variable: ClassVar[str] = "IMS_RECIPE_{}"

    bytes: int = Field(1 * GiB_BYTES, ge=1, description="Limit on an unpacked recipe, bytes.")
    entries: int = Field(100_000, ge=1, description="Limit on the entries of a recipe archive.")


class Ingest(Group):
    """What the process that reads a recipe may use; more for a large archive."""

    variable: ClassVar[str] = "IMS_INGEST_{}"

    # `ingest/limits.py` says how they grow with the archive.
    memory_bytes: int = Field(384 * MiB, ge=64 * MiB, description="Memory limit of reading a small recipe, bytes.")
    seconds: int = Field(10, ge=1, description="Limit on processor time for reading a small recipe, seconds.")


class Repositories(Group):
    """How the repositories of a recipe are asked whether they answer."""

    variable: ClassVar[str] = "IMS_REPOSITORY_{}"

    timeout: Duration = Field(timedelta(seconds=10), description="Limit on one repository's answer.")
    interval: Duration = Field(timedelta(seconds=10), description="Pause between rounds of asking.")
    limit: Duration = Field(timedelta(seconds=500), description="Limit on waiting for the repositories.")
    private: bool = Field(
        True, description="Whether repositories may be at addresses of private networks and of the host itself."
    )


class Squashfs(Group):
    """How the rootfs is packed."""

    variable: ClassVar[str] = "IMS_SQUASHFS_{}"

    compressor: Literal["zstd", "gzip", "lz4", "xz"] = Field("zstd", description="Compressor of the rootfs.")
    level: int = Field(3, ge=1, le=22, description="Level of the compressor, where it has levels.")


class Roots(Group):
    """How finished image roots are inspected before they are packed."""

    variable: ClassVar[str] = "IMS_{}"

    kernel_choice: Literal["newest", "named"] = Field(
        "newest",
        description="Which of several kernels is packed: the newest that has modules and an initrd, or the named one.",
    )
    findings: str = Field(
        "",
        pattern=r"^\s*([a-z-]+=(error|warning|ignored)\s*(,\s*|$))*$",
        description="Weights of what the inspection finds in an image root: `host-keys=error,fstab=ignored`.",
    )

    def weights(self) -> dict[str, str]:
        """Return the weights by the names of the findings."""
        pairs = [each.strip().partition("=") for each in self.findings.split(",") if each.strip()]
        return {name: weight for name, _, weight in pairs}
