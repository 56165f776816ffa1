"""The job of a run: opened at its start, reported on while it goes, closed and cleaned up after at its end."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Unpack

from prefect.exceptions import Abort, Pause
from prefect.runtime import flow_run

from config.settings import settings
from errors import ImsError, NotFound, TransientError
from runs.own_run import interrupted_when_cancelled, is_cancelled, own_run_id
from storage.models.job_parameters import fields_of
from storage.models.jobs import Diagnosis, Job, JobChanges, JobStatus, JobType
from storage.models.layout import credentials_key, image_prefix, shell_orders_key
from storage.records import jobs, shell_orders
from storage.records.catalogue import catalogue
from storage.records.holds import JobHeld, release_hold
from storage.s3.objects import object_store
from storage.s3.uploads import abort_uploads
from tasks.holds import hold_job, holding, own_hold
from tasks.pods import StepFailed, runtime
from tasks.retries import retryable
from tasks.workspaces import remove_scratch

logger = logging.getLogger(__name__)

SUSPENDED = Diagnosis(
    category=Diagnosis.SUSPENDED,
    summary="suspended",
    resolution="resume its flow run: it continues where it stopped",
)


def open_job(job_type: JobType, parameters: Mapping[str, Any]) -> Job:
    """Open the job of this run, and hold it: a new one named after the run, or the one that is to be continued.

    A job that ended in error starts again, with what its last run left; one that succeeded stays as it is.

    Args:
        job_type: What the job does.
        parameters: All parameters of the flow that runs it; `job_id` names the job to continue, empty a new one.

    Raises:
        BadInput: A field is not what it must be.
        Conflict: job_id names a job of other fields.
        JobHeld: Another flow run works on the job; nothing was changed.
        Abort: Another process works for this flow run, and sets the run's state.
    """
    fields = fields_of(job_type, parameters)
    job_id = fields.pop("job_id")
    try:
        job: Job = take_job(job_id, **fields)
    except JobHeld as held:
        if held.hold.run_id == str(flow_run.root_flow_run_id):
            raise Abort(str(held)) from held
        raise
    return job


@retryable
def take_job(job_id: str, **fields: Any) -> Job:
    """Make the record of a job, or take the one that is there, and hold it. Safe to repeat."""
    flow_run_id = own_run_id()
    hold = own_hold(flow_run_id)
    job = jobs.open_job(catalogue(), job_id or flow_run_id, flow_run_id, fields, hold)
    if job.status is JobStatus.SUCCESS:
        return job
    return hold_job(job, hold, flow_run_id)


def report(job: Job, **changes: Unpack[JobChanges]) -> None:
    """Write to the job's record how far it is.

    Raises:
        HoldLost: Another process works on the job, or the job was ended.
    """
    jobs.report(catalogue(), job, **changes)


@contextmanager
def reporting(job: Job) -> Iterator[None]:
    """Hold what every job needs at its end: its last status, the reason of a failure, and nothing left behind.

    After a permanent error, a cancel or Ctrl-C everything of the job is removed. After a transient error, or when the
    run is suspended, finished pods and the workspace stay, so that the same run, started again, continues from there.
    When another process has taken the job over, or the job was ended, nothing is changed.
    """
    with holding(job) as hold:
        try:
            with interrupted_when_cancelled():
                yield
        except BaseException as error:
            if hold.is_lost():
                raise hold.loss() from error
            with _error_first():
                _end(job, error)
            raise
        succeed(job)
        clean_up_after(job)


def _end(job: Job, error: BaseException) -> None:
    """Close a job whose run ends by an error or a signal, and clean up after it."""
    if isinstance(error, Exception):
        logger.error("job %s failed: %s", job.id, error)
    if isinstance(error, TransientError):
        mark_interrupted(job.id, diagnose(error))
    elif isinstance(error, Exception):
        with _error_first():
            jobs.close_job(catalogue(), job.id, diagnose(error))
        clean_up(job.id)
    elif isinstance(error, Pause) and not is_cancelled():
        mark_interrupted(job.id, SUSPENDED)
    else:
        # KeyboardInterrupt, or the signal by which Prefect cancels a run, or a cancel of a run that was suspended.
        cancel(job.id)


@retryable
def succeed(job: Job) -> None:
    """Write to the job's record that it has succeeded. Safe to repeat."""
    report(job, status=JobStatus.SUCCESS, diagnosis=None)


@retryable
def clean_up_after(job: Job) -> None:
    """Remove what a job that has succeeded no longer needs. Safe to repeat."""
    clean_up(job.id)


def cancel(job_id: str) -> None:
    """End a job that was cancelled: stop its pods, remove its workspace, close its record in error.

    Safe to repeat, and from any process: everything is found by the job's id.
    """
    logger.warning("job %s is cancelled: stopping its pods and removing its workspace", job_id)
    clean_up(job_id)
    cancelled = Diagnosis(category="Cancelled", summary="cancelled", resolution="start a new job if it is wanted")
    with suppress(NotFound):  # cancelled before it had a record
        jobs.close_job(catalogue(), job_id, cancelled)


def mark_crashed(job_id: str, summary: str = "the process that worked on the job was killed") -> None:
    """Write to the record of a job that its process was killed; its pods and its workspace stay for the next run.

    A job that has ended stays as it is. Of a job that has succeeded, what its process had still to remove is removed.

    Args:
        job_id: The job.
        summary: What is known of its end.
    """
    lost = Diagnosis(
        category=Diagnosis.CRASHED,
        summary=summary,
        resolution="retry its flow run: it continues where it stopped",
    )
    with suppress(NotFound):  # killed before it had a record
        job = catalogue().jobs.get(job_id)
        if job.status is JobStatus.SUCCESS:
            clean_up(job_id)
        elif not job.status.is_final:
            mark_interrupted(job_id, lost)
        if job.hold:
            release_hold(catalogue(), job.id, job.hold.holder)


def mark_interrupted(job_id: str, diagnosis: Diagnosis) -> None:
    """Close the record of a job until it is run again.

    While its shell is open the job goes on waiting on its user: the shell ends at its own limit, and the next run packs
    what is made in it.

    Args:
        job_id: The job.
        diagnosis: Why no process works on it.
    """
    job = catalogue().jobs.get(job_id)
    if not shell_orders.is_open(object_store(), settings().bucket, job):
        jobs.close_job(catalogue(), job_id, diagnosis)
        return
    kept = "its shell stays open until its limit: retry its flow run, which goes on with what is made in it"
    waiting = diagnosis.model_copy(update={"resolution": kept})
    jobs.report(catalogue(), job, status=JobStatus.WAITING_ON_USER, diagnosis=waiting)


def clean_up(job_id: str) -> None:
    """Remove a job's pods, workspace, scratch files, credentials, orders and unfinished uploads; safe to repeat."""
    if gone := runtime().remove(job_id):
        logger.info("removed %s", ", ".join(gone))
    remove_scratch(job_id)
    for key in (credentials_key(job_id), shell_orders_key(job_id)):
        object_store().delete(settings().bucket, key)
    with suppress(NotFound):  # it has no record yet
        jobs.end_shells(catalogue(), job_id)
    abort_uploads(object_store(), settings().boot_images_bucket, image_prefix(jobs.image_id_of(job_id)))


def diagnose(error: Exception) -> Diagnosis:
    """Return what went wrong, for the job's record."""
    if isinstance(error, StepFailed):
        return error.diagnosis
    if isinstance(error, TransientError):
        again = error.resolution or "run the job again: it continues where it stopped"
        return Diagnosis(category=type(error).__name__, summary=error.message, resolution=again)
    if isinstance(error, ImsError):
        return Diagnosis(category=type(error).__name__, summary=error.message, resolution=error.resolution)
    return Diagnosis(
        category="Defect",
        summary=f"{type(error).__name__}: {error}",
        resolution="this is a defect of the service; report it with the log of the flow run",
    )


@contextmanager
def _error_first() -> Iterator[None]:
    """Log an error that follows another one: the user must see the first error."""
    try:
        yield
    except ImsError:
        logger.exception("the clean-up after the job is not complete; running the job again completes it")
