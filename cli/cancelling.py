"""`ims jobs cancel`: the run of a job is asked to stop; it removes its pods and closes its job."""

import time

from errors import Conflict, LimitReached, NotFound
from runs.client import Runs, connected
from runs.server_address import prefect_api_url
from storage.models.jobs import Job
from storage.records.catalogue import catalogue

# A cancelled run removes its pods within half a minute; a worker may have to take note of it before.
LIMIT_SECONDS = 180.0
_POLL_SECONDS = 0.5


def cancel(job: Job) -> Job:
    """Cancel a job, wait until it has ended, and return it.

    Raises:
        Conflict: It has ended, or no run works on it.
        LimitReached: It did not end in time; it will when a worker takes note.
    """
    if job.status.is_final:
        raise Conflict(f"job {job.id} has ended: {job.status}", resolution=f"see `ims jobs describe {job.id}`")
    with connected(prefect_api_url()) as runs:
        run_id = job.flow_run_id or job.id
        _refuse_ended(runs, job, run_id)
        runs.cancel(run_id)
        return _ended(runs, job.id, run_id)


def _refuse_ended(runs: Runs, job: Job, run_id: str) -> None:
    try:
        state = runs.read_run(run_id).state
    except NotFound as error:
        raise Conflict(
            f"the Prefect server {runs.api_url} has no run of job {job.id}",
            resolution="set PREFECT_API_URL to the server that has it, or close the job with `ims reconcile --apply`",
        ) from error
    if state.is_final:
        raise Conflict(
            f"no run works on job {job.id}: its run ended as {state.name} while the job was {job.status}",
            resolution=f"end its shell with `ims jobs abort {job.id}`, or close the job with `ims reconcile --apply`",
        )


def _ended(runs: Runs, job_id: str, run_id: str) -> Job:
    end = time.monotonic() + LIMIT_SECONDS
    while True:
        job = catalogue().jobs.get(job_id)
        if job.status.is_final and runs.read_run(run_id).state.is_final:
            return job
        if time.monotonic() > end:
            raise LimitReached(
                f"job {job_id} has not ended within {LIMIT_SECONDS:.0f} s; it is {job.status}",
                resolution=f"see {runs.address(run_id)}; a run that no worker takes needs `ims up` or `ims worker`",
            )
        time.sleep(_POLL_SECONDS)
