"""The record of a job: what was asked for, field for field as in IMS v3 plus what it lacks, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from storage.models import job_defaults
from storage.models.fields import Arch, FileName, GiB, Id, InnerPath, Input, Name, Profile, ScriptPath
from storage.models.inspections import Inspection
from storage.models.records import Link, Record, now
from storage.models.shells import CUSTOMIZE, NewSshContainer, SshContainer


class JobType(StrEnum):
    """What a job does: make an image from a recipe, or a changed image from an image."""

    CREATE = "create"
    CUSTOMIZE = "customize"


class JobStatus(StrEnum):
    """How far a job is (the names of IMS v3)."""

    CREATING = "creating"
    FETCHING_IMAGE = "fetching_image"
    FETCHING_RECIPE = "fetching_recipe"
    WAITING_FOR_REPOS = "waiting_for_repos"
    BUILDING_IMAGE = "building_image"
    PACKAGING_ARTIFACTS = "packaging_artifacts"
    WAITING_ON_USER = "waiting_on_user"
    ERROR = "error"
    SUCCESS = "success"

    @property
    def is_final(self) -> bool:
        """Whether a job of this status has ended."""
        return self in {JobStatus.ERROR, JobStatus.SUCCESS}


class NewJob(Input):
    """A job to run."""

    job_type: JobType
    artifact_id: Id
    public_key_id: Id
    image_root_archive_name: Name
    enable_debug: bool = False
    build_env_size: GiB = job_defaults.BUILD_ENV_SIZE
    job_mem_size: GiB = job_defaults.JOB_MEM_SIZE
    kernel_file_name: FileName = job_defaults.KERNEL_FILE_NAMES["x86_64"]
    initrd_file_name: FileName = job_defaults.INITRD_FILE_NAME
    kernel_parameters_file_name: FileName = job_defaults.KERNEL_PARAMETERS_FILE_NAME
    require_dkms: bool = True
    profiles: list[Profile] = Field(default_factory=list)
    ssh_containers: Sequence[NewSshContainer] = []
    script: ScriptPath = ""
    playbook: ScriptPath = ""
    script_entry: InnerPath = ""
    rebuild_initrd: bool = False

    @property
    def is_unattended(self) -> bool:
        """Whether a script or a playbook customizes the image, and not a user."""
        return bool(self.script or self.playbook)

    @model_validator(mode="after")
    def _script_fits_the_type(self) -> Self:
        if self.job_type is JobType.CREATE and (self.is_unattended or self.rebuild_initrd):
            raise ValueError("script, playbook and rebuild_initrd are of customize jobs")
        if self.script and self.playbook:
            raise ValueError("script and playbook are both given: a job runs one of them")
        if self.script_entry and not self.is_unattended:
            raise ValueError("script_entry is given without a script or a playbook")
        return self

    @model_validator(mode="after")
    def _shells_fit_the_type(self) -> Self:
        if self.is_unattended:
            # No user is expected; with enable_debug, a job that fails opens a shell as a build does.
            self.ssh_containers = []
            return self
        if self.job_type is JobType.CREATE and self.ssh_containers:
            raise ValueError("ssh_containers are of customize jobs; enable_debug opens a shell into a failed build")
        if len(self.ssh_containers) > 1:
            raise ValueError("ssh_containers names more than one shell: a job opens one")
        if self.job_type is JobType.CUSTOMIZE and not self.ssh_containers:
            self.ssh_containers = [NewSshContainer(name=CUSTOMIZE)]
        return self


class Diagnosis(BaseModel):
    """Why a job ended in error: what went wrong in one line, what to do, and the evidence.

    Args:
        events: What the cluster did with the step's pod, a line each.
        log_tail: The last lines of the step's log.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    # The category of what keeps an open shell from being completed.
    NOT_COMPLETE: ClassVar[str] = "NotComplete"
    # The categories of what ended a run, but no step of its job.
    CRASHED: ClassVar[str] = "Crashed"
    SUSPENDED: ClassVar[str] = "Suspended"

    category: str
    summary: str
    resolution: str = ""
    step: str = ""
    exit_code: int | None = None
    events: list[str] = []
    log_tail: list[str] = []


class Hold(BaseModel):
    """The process that works on a job. No other process works on the job while this one renews its hold.

    Args:
        holder: The process, by a name that no other process has or will have (tasks/processes.py).
        host: The name of its host.
        run_id: The flow run that it works for, the outermost one.
        beat: How often it was renewed.
        renewed: When it was renewed last, by the holder's clock.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    holder: str
    host: str
    run_id: str
    beat: int = 0
    renewed: datetime


class Attempts(BaseModel):
    """How often a step of a job was started.

    Args:
        newest: The number of its newest attempt, which its pod's name ends with. No number is given twice.
        starts: How many attempts there were since a user last asked for the job.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    newest: int = 0
    starts: int = 0


class JobChanges(TypedDict, total=False):
    """The fields of a job's record that the steps of a flow change as they go on."""

    status: JobStatus
    diagnosis: Diagnosis | None
    repositories: list[str]
    logs: list[Link]
    inspection: Inspection
    resultant_image_id: Id
    changed_inputs: list[str]


class Job(NewJob, Record):
    """A job as stored: its input, how far it is, and what came of it.

    Args:
        changed_inputs: Of a rebuild: what is not as it was when the last image of that name was built.
    """

    model_config = ConfigDict(extra="allow")

    # A copy: the key's own record may be deleted while the job goes on. Empty in records of earlier releases.
    public_key: str = ""
    status: JobStatus = JobStatus.CREATING
    arch: Arch = "x86_64"
    resultant_image_id: Id | None = None
    changed_inputs: list[str] = Field(default_factory=list)
    flow_run_id: str = ""
    repositories: list[str] = Field(default_factory=list)
    logs: list[Link] = Field(default_factory=list)
    ssh_containers: Sequence[SshContainer] = []
    diagnosis: Diagnosis | None = None
    inspection: Inspection | None = None
    attempts: dict[str, Attempts] = Field(default_factory=dict)
    hold: Hold | None = None
    ended: datetime | None = None

    @model_validator(mode="after")
    def _shells_fit_the_type(self) -> Self:
        # Those of the record are more than what was asked for: a failed build opens one.
        return self

    @property
    def asked(self) -> NewJob:
        """What the user asked for."""
        shells = [NewSshContainer(name=shell.name, jail=shell.jail) for shell in self.ssh_containers]
        fields = self.model_dump(include=set(NewJob.model_fields) - {"ssh_containers"})
        return NewJob(**fields, ssh_containers=shells[:1] if self.job_type is JobType.CUSTOMIZE else [])

    def changed(self, fields: Mapping[str, object]) -> Self:
        """Return this job with other fields. It has ended when its status became final, and not before."""
        job = self.model_copy(update=fields)
        if job.status.is_final is self.status.is_final:
            return job
        return job.model_copy(update={"ended": now() if job.status.is_final else None})
