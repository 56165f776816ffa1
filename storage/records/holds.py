"""Holds: by conditional writes of a job's record, one process holds the job, and no other one works on it.

A process that has lost its hold changes nothing any more: its writes carry its name, and are refused.
"""

from errors import Conflict
from storage.models.jobs import Attempts, Diagnosis, Hold, Job, JobStatus
from storage.models.records import now
from storage.records.catalogue import Catalogue


class HoldLost(Conflict):
    """Another process works on the job, or the job was ended."""


class JobHeld(Conflict):
    """Another process works on the job.

    Args:
        job_id: The job.
        hold: Its hold.
    """

    def __init__(self, job_id: str, hold: Hold) -> None:
        """Keep the hold, so that a second process of the same flow run is recognised."""
        super().__init__(
            f"flow run {hold.run_id} is at work on job {job_id}, on host {hold.host}: nothing was changed",
            resolution="wait for its end, or cancel it",
        )
        self.hold = hold


def take_hold(catalogue: Catalogue, job_id: str, hold: Hold, flow_run_id: str, instead_of: Hold | None) -> Job:
    """Hold a job that has not succeeded, and open it again when it ended in error.

    Args:
        catalogue: The catalogue.
        job_id: The job.
        hold: The new hold.
        flow_run_id: The flow run that works on the job from now on.
        instead_of: The hold of a process that is gone, which this one replaces; a hold of any other process stays.

    Raises:
        JobHeld: Another process was faster.
    """

    def take(job: Job) -> Job:
        if job.hold and job.hold.holder != hold.holder and not _is_same(job.hold, instead_of):
            raise JobHeld(job.id, job.hold)
        opened = {"hold": hold, "flow_run_id": flow_run_id, "diagnosis": None}
        if job.status is JobStatus.ERROR:
            opened |= {"status": JobStatus.CREATING, "attempts": _asked_again(job)}
        return job.changed(opened)

    return catalogue.jobs.change(job_id, take)


def renew_hold(catalogue: Catalogue, job: Job) -> None:
    """Write to a job's record that the process that holds it lives.

    Args:
        catalogue: The catalogue.
        job: The job with its hold, as `take_hold` returned it.

    Raises:
        HoldLost: It no longer holds the job.
        NotFound: The job was deleted.
    """

    def renew(stored: Job) -> Job:
        check_hold(stored, job)
        hold = stored.hold and stored.hold.model_copy(update={"beat": stored.hold.beat + 1, "renewed": now()})
        return stored.model_copy(update={"hold": hold})

    catalogue.jobs.change(job.id, renew)


def release_hold(catalogue: Catalogue, job_id: str, holder: str) -> None:
    """Release a job that a process holds, which has ended or is about to; a hold of another process stays.

    Raises:
        NotFound: No such job.
    """

    def release(stored: Job) -> Job:
        ours = stored.hold and stored.hold.holder == holder
        return stored.model_copy(update={"hold": None}) if ours else stored

    catalogue.jobs.change(job_id, release)


def check_hold(stored: Job, job: Job) -> None:
    """Refuse a write of a process that no longer holds the job; a process that never held it may write.

    Args:
        stored: The record as it is stored.
        job: The job as the process that writes has it.

    Raises:
        HoldLost: The record has another holder, or none.
    """
    if job.hold is None or (stored.hold and stored.hold.holder == job.hold.holder):
        return
    by = f"flow run {stored.hold.run_id} on host {stored.hold.host}" if stored.hold else "another process"
    raise HoldLost(
        f"job {job.id} was taken over or ended by {by}", resolution=f"see `ims jobs describe {job.id}`: {stored.status}"
    )


def _is_same(hold: Hold, other: Hold | None) -> bool:
    return other is not None and (hold.holder, hold.beat) == (other.holder, other.beat)


def _asked_again(job: Job) -> dict[str, Attempts]:
    """Return the attempts of a job that is opened again: a user who asks for it after a failure resets the counts."""
    if job.diagnosis and job.diagnosis.category in {Diagnosis.CRASHED, Diagnosis.SUSPENDED}:
        return job.attempts
    return {step: Attempts(newest=known.newest) for step, known in job.attempts.items()}
