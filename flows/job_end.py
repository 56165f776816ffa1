"""Ending and deleting jobs in one: their runs are cancelled first, and then a worker deletes what they hold."""

import time
from collections.abc import Sequence
from datetime import timedelta

from errors import LimitReached
from flows.deployments import DELETE_JOBS
from runs.client import Runs
from runs.error import raise_for_state
from runs.run import Run
from storage.models.jobs import Job
from storage.models.records import new_id

# A cancelled run removes its pods within half a minute; a worker may have to take note of it before.
CANCEL_LIMIT = timedelta(minutes=3)
# A worker takes a run within seconds, and each job of it takes some.
DELETE_LIMIT = timedelta(minutes=30)
_POLL_SECONDS = 0.25


def cancel_and_delete(runs: Runs, jobs: Sequence[Job]) -> None:
    """Cancel the runs of jobs that have not ended, wait for their ends, and delete the jobs with what they hold.

    Args:
        runs: The Prefect server's.
        jobs: The jobs.

    Raises:
        ImsError: Jobs are left; the message names them.
        LimitReached: A run did not end in time; none of the jobs was deleted.
    """
    run_ids = [job.flow_run_id or job.id for job in jobs]
    alive = [run_id for run_id in run_ids if runs.read_state(run_id).is_alive]
    for run_id in alive:
        runs.cancel(run_id)
    for run_id in alive:
        _ended(runs, run_id, CANCEL_LIMIT)
    delete = runs.start(DELETE_JOBS, {"job_ids": [job.id for job in jobs]}, idempotency_key=new_id())
    raise_for_state(runs, _ended(runs, delete, DELETE_LIMIT))


def _ended(runs: Runs, run_id: str, limit: timedelta) -> Run:
    end = time.monotonic() + limit.total_seconds()
    while time.monotonic() < end:
        run = runs.read_run(run_id)
        if run.state.is_final:
            return run
        time.sleep(_POLL_SECONDS)
    raise LimitReached(
        f"flow run {run_id} did not end within {limit}",
        resolution=f"see {runs.address(run_id)}; a run that no worker takes needs `ims up` or `ims worker`",
    )
