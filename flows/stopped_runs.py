"""Flow runs that were cancelled or suspended, or that failed, while no process worked on them.

Prefect tells nobody of that: between a worker that was killed and the process that goes on with its run there is nobody
to tell. So each worker looks at the runs that stopped lately, and brings their jobs and pods into their run's state.
"""

import logging
import time
from datetime import timedelta

from errors import ImsError
from flows.deployments import Run, Runs, connected
from storage.models.jobs import Job, JobStatus
from tasks.holds import HoldWatch
from tasks.jobs import SUSPENDED, cancel, mark_crashed, mark_interrupted
from tasks.jobs_of_runs import jobs_of_run
from tasks.pods import runtime

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=4)
# A process that was just started holds its job within this time, and then ends by itself.
START_LIMIT = timedelta(seconds=10)
# Without a job there is less to go by. Prefect itself waits for five minutes.
START_LIMIT_WITHOUT_JOB = timedelta(seconds=20)
# A parameter of every flow that works on jobs.
OF_JOBS = "image_root_archive_name"


def repair_stopped_runs(api_url: str) -> None:
    """Look at the runs of a Prefect server again and again, until this process ends."""
    stopped = StoppedRuns()
    while True:
        try:
            with connected(api_url) as runs:
                stopped.repair(runs)
        except ImsError as error:
            logger.warning("stopped flow runs are looked at again in a moment: %s", error)
        time.sleep(LOOK_EVERY.total_seconds())


class StoppedRuns:
    """The runs that stopped, as far as this process has seen to them."""

    def __init__(self) -> None:
        self._watch = HoldWatch()
        self._since: dict[str, float] = {}
        self._settled: set[str] = set()

    def repair(self, runs: Runs) -> None:
        """Bring the jobs of runs that stopped without a process into the state of their run. Safe to repeat.

        Raises:
            Unreachable: Prefect, S3 or the runtime of the pods does not answer; nothing is taken for ended then.
        """
        stopped = runs.stopped()
        states = {run.state.id for run in stopped}
        self._settled &= states
        self._since = {state: since for state, since in self._since.items() if state in states}
        for run in stopped:
            if run.state.id not in self._settled and self._repair(run, runs):
                self._settled.add(run.state.id)

    def _repair(self, run: Run, runs: Runs) -> bool:
        """Bring the jobs of one run into its state; tell whether nothing is left to do."""
        jobs = jobs_of_run(run.id, run.parameters)
        since = self._since.setdefault(run.state.id, time.monotonic())
        alive = [job for job in jobs if self._watch.is_alive(job)]
        if alive:
            # Its own process sees to them.
            return False
        limit = START_LIMIT if jobs else START_LIMIT_WITHOUT_JOB
        if not run.state.is_final and time.monotonic() - since < limit.total_seconds():
            return False
        for job in jobs:
            _bring_into_state(job, run)
        if run.state.is_cancelling and OF_JOBS in run.parameters:
            runs.mark_cancelled(run.id, "cancelled; no process worked on it")
            logger.warning("flow run %s was cancelled while no process worked on it", run.id)
        return True


def _bring_into_state(job: Job, run: Run) -> None:
    if run.state.is_cancelled:
        if not job.status.is_final or (job.status is JobStatus.ERROR and job.id in runtime().jobs()):
            cancel(job.id)
    elif job.status is JobStatus.SUCCESS and job.id in runtime().jobs():
        mark_crashed(job.id)
    elif job.status.is_final or job.diagnosis == SUSPENDED:
        return
    elif run.state.is_suspended:
        mark_interrupted(job.id, SUSPENDED)
    elif job.diagnosis is None or job.status is not JobStatus.WAITING_ON_USER:
        mark_crashed(job.id, f"its flow run ended as {run.state.name} while the job was {job.status}")
