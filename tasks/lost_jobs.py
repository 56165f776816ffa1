"""Jobs that no run works on any more: records that say that they go on, and pods and volumes that were left."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from config.settings import settings
from errors import Conflict, NotFound
from runs.own_run import read_state
from runs.run import RunState
from storage.models.jobs import Job
from storage.models.records import now
from storage.reconcile.findings import Finding, Kind, Outcome, Remedy, found, repaired
from storage.records import shell_orders
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tasks.jobs import SUSPENDED, cancel, clean_up, mark_crashed
from tasks.pods import runtime
from tasks.retries import retryable


@retryable
def repair_jobs(age: timedelta, apply: bool) -> list[Finding]:
    """Find the jobs whose records say that they go on, and close those whose flow run has ended.

    A job whose shell is open goes on without a run. A job whose run was cancelled while it was suspended is cancelled.

    Args:
        age: A job whose flow run Prefect does not know is left while it is younger: it may be of another Prefect.
        apply: Whether anything is changed.
    """
    return repaired([*_unfinished(age)], apply)


@retryable
def repair_pods(age: timedelta, apply: bool) -> list[Finding]:
    """Find pods and volumes of jobs that have ended, on this host, and remove them with the rest of the job's traces.

    After a transient error they were left for the job's next run, so they stay for the safety age.

    Args:
        age: Pods and volumes that are younger stay, and those of a run that ended later.
        apply: Whether anything is changed.
    """
    return repaired([*_strays(age)], apply)


def is_at_work(job_id: str) -> bool:
    """Return whether a flow run works on a job, or may still begin to, or its shell is open."""
    if state_of_run(job_id).is_alive:
        return True
    try:
        return has_open_shell(catalogue().jobs.get(job_id))
    except NotFound:
        return False


def has_open_shell(job: Job) -> bool:
    """Return whether a job's shell is open."""
    return shell_orders.is_open(object_store(), settings().bucket, job)


def state_of_run(job_id: str) -> RunState:
    """Return the state of the run that works, or has worked, on a job: without a record, of the run of its id."""
    try:
        job = catalogue().jobs.get(job_id)
    except NotFound:
        return read_state(job_id)
    return read_state(job.flow_run_id or job.id)


def _unfinished(age: timedelta) -> Iterator[Remedy]:
    for job in catalogue().jobs.list(None):
        if not job.status.is_final:
            yield _remedy(job, age)
        elif job.diagnosis == SUSPENDED and read_state(job.flow_run_id).is_cancelled:
            yield _cancellation(job)


def _remedy(job: Job, age: timedelta) -> Remedy:
    state, old, what = read_state(job.flow_run_id or job.id), now() - job.created.astimezone(), f"job {job.id}"
    if state.is_alive:
        return found(
            Kind.JOB, what, f"{job.status} by flow run {job.flow_run_id}, which is {state.name}", Outcome.AT_WORK, old
        )
    if not state.is_known and old < age:
        return found(Kind.JOB, what, f"{job.status}, and Prefect does not know its flow run", Outcome.YOUNG, old)
    end = f"ended as {state.name}" if state.is_known else "is not known to Prefect"
    if has_open_shell(job):
        why = f"its shell is open, and its flow run {end}: retry that before the shell's limit"
        return found(Kind.JOB, what, why, Outcome.LEFT, old)
    why = f"its flow run {end} while the job was {job.status}"
    finding = Finding(
        kind=Kind.JOB,
        what=what,
        why=why,
        action="close its record",
        outcome=Outcome.PENDING,
        age_seconds=int(old.total_seconds()),
    )
    return Remedy(finding, partial(_close, job.id, why))


def _cancellation(job: Job) -> Remedy:
    finding = Finding(
        kind=Kind.JOB,
        what=f"job {job.id}",
        why="its flow run was suspended, and then cancelled",
        action="cancel it, and remove its workspace",
        outcome=Outcome.PENDING,
        age_seconds=int((now() - job.created.astimezone()).total_seconds()),
    )
    return Remedy(finding, partial(_cancel, job.id))


def _cancel(job_id: str) -> None:
    _refuse_at_work(job_id)
    cancel(job_id)


def _close(job_id: str, why: str) -> None:
    _refuse_at_work(job_id)
    mark_crashed(job_id, why)


def _strays(age: timedelta) -> Iterator[Remedy]:
    records = {job.id: job for job in catalogue().jobs.list(None)}
    for job_id, made in sorted(runtime().jobs().items()):
        job = records.get(job_id)
        state = read_state((job and job.flow_run_id) or job_id)
        if state.is_alive:
            continue
        # A shell that its user has completed waits for the job's next run as well.
        limit = shell_orders.limit_of(object_store(), settings().bucket, job) if job else None
        old = max(now() - max(made, state.ended or made, limit or made), timedelta(0))
        what = f"pods and volumes of job {job_id}"
        if job is not None and has_open_shell(job):
            yield found(Kind.PODS, what, f"the shell of its job is open until {limit:%Y-%m-%d %H:%M} UTC", Outcome.LEFT)
        elif job is None and not state.is_known:
            why = "not ours: there is neither a record nor a flow run of that job"
            yield found(Kind.PODS, what, why, Outcome.LEFT, old)
        elif old < age:
            yield found(Kind.PODS, what, "no run works on its job, which may be run again", Outcome.YOUNG, old)
        else:
            finding = Finding(
                kind=Kind.PODS,
                what=what,
                why="no run works on its job",
                action="remove them",
                outcome=Outcome.PENDING,
                age_seconds=int(old.total_seconds()),
            )
            yield Remedy(finding, partial(_remove, job_id))


def _remove(job_id: str) -> None:
    _refuse_at_work(job_id)
    clean_up(job_id)


def _refuse_at_work(job_id: str) -> None:
    if is_at_work(job_id):
        raise Conflict(f"job {job_id} was resumed", resolution="it was left; nothing has to be done")
