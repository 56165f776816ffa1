"""The life of a job record: opened once, reported on at every step, closed with what came of it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Unpack
from uuid import UUID, uuid5

from pydantic import ValidationError

from config.refusals import refusals_of
from errors import BadInput, Conflict, Exhausted, NotFound
from storage.models.job_defaults import KERNEL_FILE_NAMES
from storage.models.jobs import Attempts, Diagnosis, Hold, Job, JobChanges, JobStatus, JobType, NewJob
from storage.models.records import Image, Recipe, now
from storage.models.shells import DEBUG, SshContainer
from storage.records.catalogue import Catalogue
from storage.records.holds import check_hold


def open_job(
    catalogue: Catalogue, job_id: str, flow_run_id: str, fields: Mapping[str, Any], hold: Hold | None = None
) -> Job:
    """Make the record of a job, or return the one that is there.

    Both the command that starts a run and the run itself open the job: the first one makes the record.

    Args:
        catalogue: The catalogue.
        job_id: The job's id: that of the flow run that it was started by.
        flow_run_id: The flow run that works on it now.
        fields: What the user asks for. `require_dkms` (yes, no) and `kernel_file_name` may be
            left to the recipe or image; `profiles` are separated by commas.
        hold: The hold of the process that makes the record, when it is to work on the job itself.

    Raises:
        BadInput: A field is missing, unknown or out of its range; all such fields are named.
        Conflict: A job of that id was asked for with other fields.
    """
    artifact = _artifact(catalogue, fields)
    asked = _new_job(fields, artifact)
    own: dict[str, Any] = {} if artifact is None else {"arch": artifact.arch}
    if asked.job_type is JobType.CREATE and asked.enable_debug:
        own["ssh_containers"] = [SshContainer(name=DEBUG)]
    public_key = _public_key(catalogue, asked.public_key_id)
    job = Job(**asked.model_dump() | own, id=job_id, flow_run_id=flow_run_id, hold=hold, public_key=public_key)
    try:
        return catalogue.jobs.create(job)
    except Conflict:
        known = catalogue.jobs.get(job_id)
    if known.asked != asked:
        raise Conflict(
            f"job {job_id} was asked for with other parameters",
            resolution="leave job_id empty to start a new job, or give the same parameters to continue this one",
        )
    return known


def report(catalogue: Catalogue, job: Job, **changes: Unpack[JobChanges]) -> Job:
    """Change fields of a job's record.

    Raises:
        HoldLost: The process that writes held the job, and holds it no longer.
    """

    def write(stored: Job) -> Job:
        check_hold(stored, job)
        return stored.changed(_known(changes))

    return catalogue.jobs.change(job.id, write)


def report_shell(catalogue: Catalogue, job: Job, shell: SshContainer, **changes: Unpack[JobChanges]) -> Job:
    """Write to a job's record how one of its shells is, and change other fields with it.

    Raises:
        HoldLost: As `report`.
    """

    def write(stored: Job) -> Job:
        check_hold(stored, job)
        known = {each.name: each for each in stored.ssh_containers}
        # In the order they came: the first is what the user asked for.
        return stored.changed({**_known(changes), "ssh_containers": [*(known | {shell.name: shell}).values()]})

    return catalogue.jobs.change(job.id, write)


def begin_attempt(catalogue: Catalogue, job: Job, step: str, newest: int, most: int) -> Attempts:
    """Write to a job's record that another attempt of a step begins, before there is a pod of it.

    Args:
        catalogue: The catalogue.
        job: The job.
        step: The step.
        newest: The newest attempt that there is a pod of.
        most: How often the step may be started until a user asks for the job again.

    Raises:
        Exhausted: It was started so often.
        HoldLost: As `report`.
    """

    def begin(stored: Job) -> Job:
        check_hold(stored, job)
        known = stored.attempts.get(step, Attempts())
        if known.starts >= most:
            raise Exhausted(f"{step} failed {known.starts} times")
        begun = Attempts(newest=max(known.newest, newest) + 1, starts=known.starts + 1)
        return stored.model_copy(update={"attempts": {**stored.attempts, step: begun}})

    return catalogue.jobs.change(job.id, begin).attempts[step]


def end_shells(catalogue: Catalogue, job_id: str) -> None:
    """Write to a job's record that none of its shells is open, unless it says so already."""
    if not any(shell.command for shell in catalogue.jobs.get(job_id).ssh_containers):
        return
    catalogue.jobs.change(job_id, lambda job: job.model_copy(update={"ssh_containers": _ended(job.ssh_containers)}))


def close_job(catalogue: Catalogue, job_id: str, diagnosis: Diagnosis) -> Job:
    """End a job in error, with the reason, and its shells with it; a job that has succeeded stays as it is.

    The hold stays: a process that ends its own job still has to clean up after it.
    """

    def end(job: Job) -> Job:
        if job.status is JobStatus.SUCCESS:
            return job
        ended = _ended(job.ssh_containers)
        return job.changed({"status": JobStatus.ERROR, "diagnosis": diagnosis, "ssh_containers": ended})

    return catalogue.jobs.change(job_id, end)


def selected(
    jobs: Iterable[Job], *, age: timedelta | None, statuses: Collection[JobStatus], job_type: JobType | None
) -> list[Job]:
    """Return the jobs that fit everything that is asked.

    Args:
        jobs: The jobs.
        age: Only those created at least as long ago.
        statuses: Only those of one of these; empty: of any.
        job_type: Only those of this type.
    """
    # A stored time without a zone must not hide the other jobs: timestamps always compare.
    before = (now() - (age or timedelta(0))).timestamp()
    return [
        job
        for job in jobs
        if (age is None or job.created.timestamp() <= before)
        and (not statuses or job.status in statuses)
        and job_type in {None, job.job_type}
    ]


def image_id_of(job_id: str) -> str:
    """Return the id of the image that a job makes.

    It follows from the job's id, so that a run that was cut off and started again publishes the same image, never a
    second one.
    """
    return str(UUID(bytes=sha256(UUID(job_id).bytes).digest()[:16], version=4))


def chained_job_id(run_id: str, job_type: JobType) -> str:
    """Return the id of one of the jobs that a run starts in turn: the same whenever the run is resumed."""
    return str(uuid5(UUID(run_id), job_type))


def _known(changes: JobChanges) -> dict[str, object]:
    """Refuse a field that no step changes: a misspelt one would be stored beside the field that was meant."""
    if unknown := changes.keys() - JobChanges.__optional_keys__:
        raise TypeError(f"no step changes {', '.join(sorted(unknown))} of a job")
    return dict(changes)


def _ended(shells: Iterable[SshContainer]) -> list[SshContainer]:
    return [shell.ended() if shell.command else shell for shell in shells]


def _artifact(catalogue: Catalogue, fields: Mapping[str, Any]) -> Recipe | Image | None:
    records = catalogue.images if fields.get("job_type") == JobType.CUSTOMIZE else catalogue.recipes
    try:
        return records.get(fields.get("artifact_id", ""))
    except (BadInput, NotFound):
        # The run itself reports this, in the record that is about to be made.
        return None


def _public_key(catalogue: Catalogue, key_id: str) -> str:
    try:
        return catalogue.public_keys.available(key_id).public_key
    except NotFound:
        # As above.
        return ""


def _new_job(fields: Mapping[str, Any], artifact: Recipe | Image | None) -> NewJob:
    arch = artifact.arch if artifact else "x86_64"
    dkms_of_recipe = artifact.require_dkms if isinstance(artifact, Recipe) else True
    chosen = {
        **fields,
        "kernel_file_name": fields.get("kernel_file_name") or KERNEL_FILE_NAMES[arch],
        "profiles": [name.strip() for name in fields.get("profiles", "").split(",") if name.strip()],
        "require_dkms": {"yes": True, "no": False}.get(str(fields.get("require_dkms")), dkms_of_recipe),
    }
    try:
        return NewJob(**chosen)
    except ValidationError as error:
        raise BadInput(f"the job is refused: {'; '.join(refusals_of(error, 'the job'))}") from error
