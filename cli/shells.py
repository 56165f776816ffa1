"""`ims jobs complete|abort|extend`: ending the shell of a job from outside, and giving it more time."""

import time
from typing import Annotated

import typer

from builder.contract.shell_orders import Operation
from cli.door import is_by_api
from cli.examples import examples
from cli.failures import USERS_MISTAKE, print_error
from cli.hints import hint
from cli.names import record_id
from config.durations import parse_duration
from errors import BadInput
from storage.models.jobs import Diagnosis, Job, JobStatus
from storage.models.kinds import RecordKind
from storage.records.shell_orders import end_shell, extend_shell

# The pod checks for orders every two seconds, and the run sees its answer at once.
ANSWER_SECONDS = 20.0
_POLL_SECONDS = 0.5

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job: its id, its beginning, or its image's name.")]


def complete(job_id: JobId) -> None:
    """End a job's shell: the changed image root is packed as a new image."""
    job = _give_order(job_id, Operation.COMPLETE)
    if job.status is JobStatus.WAITING_ON_USER and (refusal := _refusal(job)):
        print_error(refusal.category, refusal.summary, refusal.resolution)
        raise typer.Exit(USERS_MISTAKE)
    _print_answer(job)


def abort(job_id: JobId) -> None:
    """End a job's shell without packing the image root: the job ends in error."""
    _print_answer(_give_order(job_id, Operation.ABORT))


def extend(
    job_id: JobId,
    by: Annotated[str, typer.Option(metavar="DURATION", help="How much longer: 90m, 4h, 1d.")] = "4h",
) -> None:
    """Give a job's shell more time; a shell is open for seven days at most."""
    from config.settings import settings
    from storage.records.catalogue import catalogue
    from storage.s3.objects import object_store

    try:
        longer = parse_duration(by)
    except ValueError as error:
        raise BadInput(f"--by: {error}") from error
    until = extend_shell(object_store(), settings().bucket, catalogue().jobs.get(_id_of(job_id)), longer)
    typer.echo(f"The shell of job {job_id} ends at {until.astimezone():%Y-%m-%d %H:%M %Z}.")


def add_shells(app: typer.Typer) -> None:
    """Add the commands to those of jobs."""
    for command, example in (
        (complete, "ims jobs complete ID"),
        (abort, "ims jobs abort ID"),
        (extend, "ims jobs extend ID --by 4h"),
    ):
        app.command(command.__name__, epilog=examples(example))(command)


def _id_of(given: str) -> str:
    """Return the id of a job whose shell is to get an order, which lies in S3.

    Raises:
        BadInput: The commands talk to the REST API, which has no orders to shells.
    """
    if is_by_api():
        raise BadInput(
            "orders to a shell need S3: the REST API has none",
            resolution="end it in the shell: touch /mnt/image/complete or /mnt/image/failed (/tmp/… in a jail)",
        )
    return record_id(RecordKind.JOB, given)


def _give_order(job_id: str, operation: Operation) -> Job:
    """Give the shell an order, and return the job when the shell has answered, or has not within the limit."""
    from config.settings import settings
    from storage.records import jobs
    from storage.records.catalogue import catalogue
    from storage.s3.objects import object_store

    job = catalogue().jobs.get(_id_of(job_id))
    before = job.diagnosis
    if _refusal(job):
        # Cleared, so that the same answer is seen when it comes again.
        before = jobs.report(catalogue(), job, diagnosis=None).diagnosis
    end_shell(object_store(), settings().bucket, job, operation)
    end = time.monotonic() + ANSWER_SECONDS
    while job.status is JobStatus.WAITING_ON_USER and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        job = catalogue().jobs.get(job.id)
        if job.diagnosis != before:
            break
    return job


def _refusal(job: Job) -> Diagnosis | None:
    """Return why the job's shell could not be completed; a debug shell has another reason for being open."""
    return job.diagnosis if job.diagnosis and job.diagnosis.category == Diagnosis.NOT_COMPLETE else None


def _print_answer(job: Job) -> None:
    if job.status is JobStatus.WAITING_ON_USER:
        typer.echo(f"The shell of job {job.id} has not answered the order yet.", err=True)
        if job.diagnosis is not None:
            typer.echo(f"{job.diagnosis.summary}; {job.diagnosis.resolution}", err=True)
    hint(f"The job is {job.status}. Follow it with: ims jobs watch {job.id}")
