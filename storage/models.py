"""The records: public keys, recipes, images and jobs, field for field those of IMS v3 plus what it lacks.

Two families: `New…` models hold what a user may say (unknown fields are refused), the records hold what is stored
(unknown fields are kept, so that a record written by a newer release survives an older one).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID, uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from storage.shells import CUSTOMIZE, NewSshContainer, SshContainer
from storage.ssh_keys import canonical_public_key


def new_id() -> str:
    """Return a fresh record id: a random UUID in its canonical spelling."""
    return str(uuid4())


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def _printable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


def _file_name(text: str) -> str:
    if "/" in text or text in {".", ".."}:
        raise ValueError("must be the name of a file, without a folder")
    return _printable(text)


def _printable_or_empty(text: str) -> str:
    return _printable(text) if text else ""


def _inner_path(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("must be a path inside the archive, without '..'")
    return _printable_or_empty(text)


def _uuid(text: str) -> str:
    return str(UUID(text))


Id = Annotated[str, AfterValidator(_uuid)]
Name = Annotated[str, AfterValidator(_printable), Field(max_length=1024)]
FileName = Annotated[str, AfterValidator(_file_name), Field(max_length=255)]
# Empty where there is none: fields of forms that a union would make ugly.
ScriptPath = Annotated[str, AfterValidator(_printable_or_empty), Field(pattern=r"^(s3://[^/]+/.+)?$", max_length=1200)]
InnerPath = Annotated[str, AfterValidator(_inner_path), Field(max_length=1024)]
SshPublicKey = Annotated[str, AfterValidator(canonical_public_key)]
S3Path = Annotated[str, AfterValidator(_printable), Field(pattern=r"^s3://[^/]+/.+$", max_length=1200)]
Arch = Literal["x86_64", "aarch64"]
RecipeType = Literal["kiwi-ng", "packer"]
LinuxDistribution = Literal["sles12", "sles15", "centos7", "debian12"]
# kiwi/schema/kiwi.rnc, safe-posix-name.
Profile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=255)]
GiB = Annotated[int, Field(ge=1, le=65536)]


class Collection(StrEnum):
    """Where a record is. It moves between collections by one write, which keeps every other field.

    While its objects are on their way, so is the record: `deleting` and `restoring` end in one of the two collections,
    `erasing` in nothing.
    """

    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    RESTORING = "restoring"
    ERASING = "erasing"


class Input(BaseModel):
    """What a user says. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Link(BaseModel):
    """Where an object lies in S3, and the etag it had when it was linked (empty: not checked)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: S3Path
    etag: str = ""
    type: Literal["s3"] = "s3"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.path.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The object's key in its bucket."""
        return self.path.removeprefix("s3://").partition("/")[2]


class Move(BaseModel):
    """An object that moves when its record is deleted, and back when the record is restored.

    Args:
        source: Its address now.
        target: Its address then.
        etag: Its etag.
        size: Its size in bytes.
        md5: The md5 that it carries, if it does: a server may give a copy another etag.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: S3Path
    target: S3Path
    etag: str
    size: int
    md5: str = ""

    @property
    def back(self) -> "Move":
        """The same object's way back."""
        return self.model_copy(update={"source": self.target, "target": self.source})


class Journal(BaseModel):
    """What a deletion has moved or is about to move, so that it can be finished, or undone, by anybody.

    Args:
        link: The record's link before the deletion.
        moves: Its objects.
        missing: Objects that were not there any more, and were let go.
        flow_run_id: The run that works on it; empty when none does.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    link: Link | None = None
    moves: list[Move] = []
    missing: list[S3Path] = []
    flow_run_id: str = ""


class Record(BaseModel):
    """What every stored record has."""

    model_config = ConfigDict(extra="allow")

    id: Id = Field(default_factory=new_id)
    created: datetime = Field(default_factory=now)
    collection: Collection = Collection.AVAILABLE
    deleted: datetime | None = None
    journal: Journal | None = None


class NewPublicKey(Input):
    """A public key to register."""

    name: Name
    public_key: SshPublicKey


class PublicKey(NewPublicKey, Record):
    """A registered SSH public key."""

    model_config = ConfigDict(extra="allow")


class TemplateValue(Input):
    """One entry of a template dictionary."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)]
    value: Annotated[str, Field(max_length=65536)]


class NewRecipe(Input):
    """A recipe to register."""

    name: Name
    recipe_type: RecipeType = "kiwi-ng"
    linux_distribution: LinuxDistribution
    link: Link | None = None
    template_dictionary: list[TemplateValue] = []
    require_dkms: bool = True
    arch: Arch = "x86_64"

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        keys = [entry.key for entry in self.template_dictionary]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"template_dictionary names {', '.join(twice)} twice")
        return self


class Recipe(NewRecipe, Record):
    """A registered recipe: a kiwi-ng description as a tar archive in S3, with the values it is rendered with."""

    model_config = ConfigDict(extra="allow")


class NewImage(Input):
    """An image to register; its link leads to the manifest of its artifacts."""

    name: Name
    link: Link | None = None
    arch: Arch = "x86_64"
    metadata: dict[str, str] = {}


class Image(NewImage, Record):
    """A registered image."""

    model_config = ConfigDict(extra="allow")


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
    build_env_size: GiB = 60
    job_mem_size: GiB = 8
    kernel_file_name: FileName = "vmlinuz"
    initrd_file_name: FileName = "initrd"
    kernel_parameters_file_name: FileName = "kernel-parameters"
    require_dkms: bool = True
    profiles: list[Profile] = []
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
            # Nobody is expected; with enable_debug, one that fails opens a shell as a build does.
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

    category: str
    summary: str
    resolution: str = ""
    step: str = ""
    exit_code: int | None = None
    events: list[str] = []
    log_tail: list[str] = []


class Job(NewJob, Record):
    """A job as stored: its input, how far it is, and what came of it."""

    model_config = ConfigDict(extra="allow")

    status: JobStatus = JobStatus.CREATING
    arch: Arch = "x86_64"
    resultant_image_id: Id | None = None
    flow_run_id: str = ""
    repositories: list[str] = []
    logs: list[Link] = []
    ssh_containers: Sequence[SshContainer] = []
    diagnosis: Diagnosis | None = None

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
