"""Jobs as clients see them, and what clients send to start and change them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.models.records import Shown
from errors import BadInput
from storage.models import job_defaults
from storage.models.fields import FileName, GiB, Id, Input, Name
from storage.models.jobs import Diagnosis, Job, JobStatus, JobType
from storage.models.records import Record
from storage.models.shells import Address, NewSshContainer, SshContainer


class ShownConnection(BaseModel):
    """Where a shell answers: from outside, and for clients within the cluster."""

    customer_access: Address
    cluster_local: Annotated[Address, Field(serialization_alias="cluster.local")]


class ShownShell(BaseModel):
    """A shell of a job."""

    name: str
    jail: bool
    status: str
    connection_info: ShownConnection | None
    host_key: str

    @classmethod
    def of(cls, shell: SshContainer) -> "ShownShell":
        """Return a stored shell as clients see it."""
        info, connection = shell.connection_info, None
        if info is not None:
            within = (info.model_extra or {}).get("cluster.local")
            local = Address.model_validate(within) if within else info.customer_access
            connection = ShownConnection(customer_access=info.customer_access, cluster_local=local)
        return cls(
            name=shell.name,
            jail=shell.jail,
            status=shell.status,
            connection_info=connection,
            host_key=shell.host_key,
        )


class ShownJob(Shown):
    """A job. What Kubernetes runs for it is named by the job's id; those names are empty, as no client needs them."""

    job_type: JobType
    artifact_id: str
    public_key_id: str
    image_root_archive_name: str
    enable_debug: bool
    build_env_size: int
    job_mem_size: int
    kernel_file_name: str
    initrd_file_name: str
    kernel_parameters_file_name: str
    require_dkms: bool
    ssh_containers: list[ShownShell]
    status: JobStatus
    arch: str
    resultant_image_id: str | None
    kubernetes_job: str = ""
    kubernetes_service: str = ""
    kubernetes_configmap: str = ""
    kubernetes_pvc: str = ""
    kubernetes_namespace: str = ""
    remote_build_node: str = ""
    flow_run_id: str
    diagnosis: Diagnosis | None

    @classmethod
    def of(cls, record: Record) -> "ShownJob":
        """Return a stored job as clients see it."""
        assert isinstance(record, Job)  # noqa: S101 - the type that Shown.of cannot name
        own: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields if hasattr(record, name)}
        return cls.model_construct(**own | {"ssh_containers": [ShownShell.of(each) for each in record.ssh_containers]})


class SentJob(Input):
    """A job to start."""

    job_type: JobType
    artifact_id: Id
    public_key_id: Id
    image_root_archive_name: Name
    enable_debug: bool = False
    build_env_size: GiB = job_defaults.BUILD_ENV_SIZE
    job_mem_size: GiB = job_defaults.JOB_MEM_SIZE
    kernel_file_name: FileName | None = None
    initrd_file_name: FileName = job_defaults.INITRD_FILE_NAME
    kernel_parameters_file_name: FileName = job_defaults.KERNEL_PARAMETERS_FILE_NAME
    ssh_containers: list[NewSshContainer] | None = None
    require_dkms: bool | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields as the other ways in have them: what is left out follows from the recipe or image.

        Raises:
            BadInput: It asks for shells that it cannot have.
        """
        if self.job_type is JobType.CREATE and self.ssh_containers:
            raise BadInput(
                "ssh_containers are of customize jobs", resolution="enable_debug opens a shell into a failed build"
            )
        if len(self.ssh_containers or []) > 1:
            raise BadInput("ssh_containers names more than one shell", resolution="a job opens one")
        chosen = self.model_dump(exclude={"job_type", "require_dkms"}, exclude_none=True)
        if self.require_dkms is not None:
            chosen["require_dkms"] = "yes" if self.require_dkms else "no"
        return {name: value for name, value in chosen.items() if value != []}
