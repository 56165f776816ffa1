"""`ims jobs complete|abort|extend`: ending the shell of a job from outside, and giving it more time."""

import time
from typing import Annotated

import typer

from builder.contract.shell_orders import Operation
from cli.failures import USERS_MISTAKE, tell
from config.durations import parse_duration
from errors import BadInput
from storage.models.jobs import Diagnosis, Job, JobStatus
from storage.records.shell_orders import end_shell, extend_shell

# The pod looks every two seconds, and the run sees at once what it says.
ANSWER_SECONDS = 20.0
_LOOK_SECONDS = 0.5

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


def complete(job_id: JobId) -> None:
    """End a job's shell well: what was made of the image is packed as a new one."""
    job = _ordered(job_id, Operation.COMPLETE)
    if job.status is JobStatus.WAITING_ON_USER and (refused := _refused(job)):
        tell(refused.category, refused.summary, refused.resolution)
        raise typer.Exit(USERS_MISTAKE)
    _say_what_comes(job)


def abort(job_id: JobId) -> None:
    """End a job's shell without packing anything: the job ends in error."""
    _say_what_comes(_ordered(job_id, Operation.ABORT))


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
    until = extend_shell(object_store(), settings().bucket, catalogue().jobs.get(job_id), longer)
    typer.echo(f"The shell of job {job_id} ends at {until.astimezone():%Y-%m-%d %H:%M %Z}.")


def add_shells(app: typer.Typer) -> None:
    """Add the commands to those of jobs."""
    for command in (complete, abort, extend):
        app.command(command.__name__)(command)


def _ordered(job_id: str, operation: Operation) -> Job:
    """Give an order, and return the job as it is when the shell has answered, or has not for too long."""
    from config.settings import settings
    from storage.records import jobs
    from storage.records.catalogue import catalogue
    from storage.s3.objects import object_store

    job = catalogue().jobs.get(job_id)
    before = job.diagnosis
    if _refused(job):
        # The same answer may come again.
        before = jobs.report(catalogue(), job, diagnosis=None).diagnosis
    end_shell(object_store(), settings().bucket, job, operation)
    end = time.monotonic() + ANSWER_SECONDS
    while job.status is JobStatus.WAITING_ON_USER and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        job = catalogue().jobs.get(job_id)
        if job.diagnosis != before:
            break
    return job


def _refused(job: Job) -> Diagnosis | None:
    """Return why the job's shell could not be completed; a debug shell has another reason for being open."""
    return job.diagnosis if job.diagnosis and job.diagnosis.category == Diagnosis.NOT_COMPLETE else None


def _say_what_comes(job: Job) -> None:
    if job.status is JobStatus.WAITING_ON_USER:
        typer.echo(f"The shell of job {job.id} has its order and has not answered yet.", err=True)
        if job.diagnosis is not None:
            typer.echo(f"{job.diagnosis.summary}; {job.diagnosis.resolution}", err=True)
    typer.echo(f"The job is {job.status}. Follow it with: ims jobs describe {job.id}", err=True)
