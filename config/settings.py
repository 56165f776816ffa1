"""The settings: one object, read from `IMS_…` environment variables and from what a running `ims up` wrote.

Precedence: environment, then `<data folder>/endpoints.json`, then the defaults here. Secrets are never printed.
"""

from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from config.durations import Duration
from config.quantities import ProcessorLimit, Processors, Storage, StorageLimit, millicores, storage_bytes
from errors import BadInput

MiB = 1 << 20
GiB_BYTES = 1 << 30


class Settings(BaseSettings):
    """Every setting, with its default and its unit."""

    model_config = SettingsConfigDict(env_prefix="IMS_", extra="ignore")

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("ims"),
        description="Folder of everything `ims up` keeps and of the flows' scratch files.",
    )

    s3_endpoint_url: AnyHttpUrl | None = Field(None, description="Address of the S3 server.")
    s3_access_key: SecretStr = Field(SecretStr(""), description="Access key.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key.")
    s3_region: str = Field("us-east-1", description="Region that requests are signed for.")
    s3_connect_timeout: Duration = Field(timedelta(seconds=5), description="Limit on connecting to S3.")
    s3_read_timeout: Duration = Field(timedelta(seconds=60), description="Limit on silence within an S3 answer.")
    s3_attempts: int = Field(5, ge=1, description="How often one S3 call is tried before its task fails.")
    ims_bucket: str = Field("ims", description="Bucket of records, recipes and what jobs keep.")
    boot_images_bucket: str = Field("boot-images", description="Bucket of the images' artifacts.")

    prefect_api_url: str = Field("", description="Prefect's API as `ims up` started it; PREFECT_API_URL wins.")

    task_retries: int = Field(4, ge=0, description="How often a failed step is tried again.")
    task_retry_seconds: float = Field(2, ge=0, description="Pause before the first retry, seconds; doubled at each.")

    pod_runtime: Literal["podman", "kubernetes"] = Field("podman", description="What runs the pods.")
    pod_host_network: bool | None = Field(
        None, description="Run pods in the host's network. Unset: only when S3 is on a loopback address."
    )
    builder_image: str = Field("", description="Builder image. Empty: the one built here for this release.")
    builder_image_kiwi11: str = Field(
        "", description="Builder image with kiwi 11. Empty: one is built here when a description first needs it."
    )
    build_cpu_request: Processors = Field(
        "1", description="Processors that a step which computes asks its node for: 2, 1.5 or 500m."
    )
    # A shell may be open for days, and mostly waits for its user.
    shell_cpu_request: Processors = Field("500m", description="Processors that a shell asks its node for.")
    light_cpu_request: Processors = Field(
        "250m", description="Processors that uploading, making the CA RPM and removing a workspace ask for."
    )
    pod_cpu_limit: ProcessorLimit = Field(
        "", description="Processors that no pod may use more of. Empty: whatever is idle may be used."
    )
    pod_storage_request: Storage = Field(
        "1Gi", description="Disk of its node that a pod asks for, besides its workspace: 500Mi, 10Gi or 2G."
    )
    pod_storage_limit: StorageLimit = Field(
        "10Gi", description="Disk of its node that no pod may use more of, besides its workspace. Empty: no limit."
    )
    prepare_limit: Duration = Field(timedelta(hours=4), description="Limit on building an image root.")
    root_overlay: bool = Field(
        True, description="Mount the rootfs of an image to customize, where that is possible; no: always unpack it."
    )
    package_limit: Duration = Field(timedelta(hours=2), description="Limit on packing an image.")
    upload_limit: Duration = Field(timedelta(hours=6), description="Limit on uploading an image.")

    # Presigned addresses, by which a shell gets its orders, hold for a week at most.
    shell_limit: Duration = Field(
        timedelta(hours=24), le=timedelta(days=7), description="How long a shell stays open unless it is extended."
    )
    # Longer than a night: who opens a shell in the evening finds it in the morning.
    shell_idle_limit: Duration = Field(
        timedelta(hours=12), le=timedelta(days=7), description="How long a shell stays open while nobody uses it."
    )
    shell_forwarding: bool = Field(False, description="Whether connections may be forwarded through shells.")
    script_limit: Duration = Field(
        timedelta(hours=2), description="Limit on a script or playbook that customizes an image."
    )
    shell_address: str = Field("127.0.0.1", description="Address of this host that shells listen on (Podman).")
    kubernetes_namespace: str = Field(
        "", description="Namespace of the pods. Empty: the worker's own, or that of the kubeconfig's context."
    )
    kubernetes_context: str = Field("", description="Context of the kubeconfig. Empty: its current one.")
    kubernetes_runtime_class: str = Field("", description="runtimeClassName of the pods.")
    kubernetes_node_selector: dict[str, str] = Field({}, description="Labels of the nodes to run on, as JSON.")
    kubernetes_tolerations: list[dict[str, Any]] = Field([], description="Tolerations of the pods, as JSON.")
    kubernetes_affinity: dict[str, Any] = Field({}, description="Affinity of the pods, as JSON.")
    kubernetes_image_pull_secrets: list[str] = Field(
        [], description="Names of the secrets that the images are pulled with, as JSON."
    )
    kubernetes_storage_class: str = Field("", description="Storage class of the workspaces. Empty: the default one.")
    kubernetes_host_path: str = Field(
        "", description="Folder of the one node that pods run on, for workspaces without volumes. Empty: volumes."
    )
    kubernetes_service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="How shells are reached."
    )
    kubernetes_service_annotations: dict[str, str] = Field(
        {}, description="Annotations of the shells' services, as JSON; {job_id} stands for the job's id."
    )
    kubernetes_schedule_limit: Duration = Field(timedelta(minutes=10), description="Limit on finding a node.")
    kubernetes_start_limit: Duration = Field(
        timedelta(minutes=15), description="Limit on starting on a node: volumes, image, container."
    )
    kubernetes_pull_grace: Duration = Field(
        timedelta(minutes=3), description="How long an image that cannot be pulled is waited for."
    )
    kubernetes_patience: Duration = Field(
        timedelta(minutes=5), description="How long an API server that does not answer is waited for."
    )
    site_file: Path | None = Field(
        None, description="YAML file of the site's CA, signing keys, repositories and credentials (docs/site.md)."
    )

    recipe_bytes: int = Field(1 * GiB_BYTES, ge=1, description="Limit on an unpacked recipe, bytes.")
    recipe_entries: int = Field(100_000, ge=1, description="Limit on the entries of a recipe archive.")
    ingest_memory_bytes: int = Field(1 * GiB_BYTES, ge=64 * MiB, description="Memory limit of the ingest process.")
    ingest_seconds: int = Field(300, ge=1, description="Time limit of the ingest process, seconds.")

    repository_timeout: Duration = Field(timedelta(seconds=10), description="Limit on one repository's answer.")
    repository_interval: Duration = Field(timedelta(seconds=10), description="Pause between rounds of asking.")
    repository_limit: Duration = Field(timedelta(seconds=500), description="Limit on waiting for the repositories.")

    squashfs_compressor: Literal["zstd", "gzip", "lz4", "xz"] = Field("zstd", description="Compressor of the rootfs.")
    squashfs_level: int = Field(3, ge=1, le=22, description="Level of the compressor, where it has levels.")

    @field_validator("pod_cpu_limit")
    @classmethod
    def _cpu_limit_holds_every_request(cls, limit: str, others: ValidationInfo) -> str:
        # Kubernetes refuses such pods, each with a message of its own.
        for name in ("build_cpu_request", "shell_cpu_request", "light_cpu_request"):
            if limit and name in others.data and millicores(limit) < millicores(others.data[name]):
                raise ValueError(f"{limit} is less than the {others.data[name]} of IMS_{name.upper()}")
        return limit

    @field_validator("pod_storage_limit")
    @classmethod
    def _storage_limit_holds_the_request(cls, limit: str, others: ValidationInfo) -> str:
        request = others.data.get("pod_storage_request")
        if limit and request and storage_bytes(limit) < storage_bytes(request):
            raise ValueError(f"{limit} is less than the {request} of IMS_POD_STORAGE_REQUEST")
        return limit

    @property
    def endpoints_file(self) -> Path:
        """Where a running `ims up` says how it is reached."""
        return self.data_dir / "endpoints.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put what `ims up` wrote below the environment."""
        return init_settings, env_settings, EndpointsSource(settings_cls)

    def s3_address(self) -> str:
        """Return the S3 server's address.

        Raises:
            BadInput: None is configured and no `ims up` is running.
        """
        if self.s3_endpoint_url is None:
            raise BadInput(
                "no S3 server is configured",
                resolution="start one with `ims up`, or set IMS_S3_ENDPOINT_URL, IMS_S3_ACCESS_KEY, IMS_S3_SECRET_KEY",
            )
        return str(self.s3_endpoint_url).rstrip("/")

    @property
    def s3_is_on_loopback(self) -> bool:
        """Whether the S3 server is one that only this host's own network reaches."""
        host = urlsplit(self.s3_address()).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class EndpointsSource(JsonConfigSettingsSource):
    """Reads `endpoints.json` of the data folder that the sources above name."""

    def __call__(self) -> dict[str, Any]:
        """Return the file's fields, or nothing when no `ims up` is running."""
        data_dir = self.current_state.get("data_dir")
        file = Path(data_dir) if data_dir else user_data_path("ims")
        return self._read_files(file / "endpoints.json")


@cache
def settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        BadInput: A variable has a value that its setting cannot have; all such variables are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"IMS_{str(at['loc'][0]).upper()}: {at['msg']}" for at in error.errors(include_input=False))
        raise BadInput(f"the settings are refused: {wrong}") from error
    except SettingsError as error:
        # A list or a table that is no JSON; the message names the field.
        raise BadInput(f"the settings are refused: {error}: write it as JSON") from error
