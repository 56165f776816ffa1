"""Flow runs that were cancelled or suspended, or that failed, while no process worked on them.

Prefect then calls no hook: between the end of a killed worker and the process that goes on with its run there is none
to call it in. So each worker reads the runs that stopped lately, and brings their jobs and pods into the run's state.
"""

import logging
import time
from datetime import timedelta

from errors import ImsError
from pods.runtime import PodRuntime
from runs.client import Runs, connected
from runs.run import Run
from storage.models.jobs import Job, JobStatus
from storage.records.catalogue import Catalogue, catalogue
from tasks.holds import HoldWatch
from tasks.jobs import SUSPENDED, cancel, mark_crashed, mark_interrupted
from tasks.jobs_of_runs import jobs_of_run
from tasks.pods import runtime

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(seconds=4)
# A process that was just started holds its job within this time, and then ends by itself.
START_LIMIT = timedelta(seconds=10)
# Without a job there is no hold to see. Prefect itself waits for five minutes.
START_LIMIT_WITHOUT_JOB = timedelta(seconds=20)
# A parameter of each flow that works on jobs.
OF_JOBS = "image_root_archive_name"


def repair_stopped_runs(api_url: str) -> None:
    """Check the runs of a Prefect server again and again, until this process ends."""
    stopped = StoppedRuns()
    while True:
        try:
            with connected(api_url) as runs:
                stopped.repair(runs, catalogue(), runtime())
        except ImsError as error:
            logger.warning("stopped flow runs could not be checked, and are checked again: %s", error)
        time.sleep(CHECK_EVERY.total_seconds())


class StoppedRuns:
    """The runs that stopped, and which of them this process has repaired."""

    def __init__(self) -> None:
        self._watch = HoldWatch()
        self._since: dict[str, float] = {}
        self._repaired: set[str] = set()

    def repair(self, runs: Runs, records: Catalogue, pods: PodRuntime) -> None:
        """Bring the jobs of runs that stopped without a process into the state of their run. Safe to repeat.

        Args:
            runs: The Prefect server's.
            records: The records of their jobs.
            pods: What runs their pods.

        Raises:
            Unreachable: Prefect, S3 or the runtime of the pods does not answer; no process is taken for ended then.
        """
        stopped = runs.pool.stopped_runs()
        states = {run.state.id for run in stopped}
        self._repaired &= states
        self._since = {state: since for state, since in self._since.items() if state in states}
        for run in stopped:
            if run.state.id in self._repaired:
                continue
            jobs = jobs_of_run(run.id, run.parameters, records)
            if self._may_have_process(run, jobs):
                continue
            for job in jobs:
                _bring_into_state(job, run, pods)
            if run.state.is_cancelling and OF_JOBS in run.parameters:
                runs.mark_cancelled(run.id, "cancelled; no process worked on it")
                logger.warning("flow run %s was cancelled while no process worked on it", run.id)
            self._repaired.add(run.state.id)

    def _may_have_process(self, run: Run, jobs: list[Job]) -> bool:
        """Tell whether a process works on a run, or may just have been started for it: that one repairs its jobs."""
        since = self._since.setdefault(run.state.id, time.monotonic())
        # Each job is checked, as the watch compares what it sees with what it saw before.
        alive = [job for job in jobs if self._watch.is_alive(job)]
        if alive:
            return True
        limit = START_LIMIT if jobs else START_LIMIT_WITHOUT_JOB
        return not run.state.is_final and time.monotonic() - since < limit.total_seconds()


def _bring_into_state(job: Job, run: Run, pods: PodRuntime) -> None:
    if run.state.is_cancelling or run.state.is_cancelled:
        if not job.status.is_final or (job.status is JobStatus.ERROR and job.id in pods.jobs()):
            cancel(job.id)
    elif job.status is JobStatus.SUCCESS and job.id in pods.jobs():
        mark_crashed(job.id)
    elif job.status.is_final or job.diagnosis == SUSPENDED:
        return
    elif run.state.is_suspended:
        mark_interrupted(job.id, SUSPENDED)
    elif job.diagnosis is None or job.status is not JobStatus.WAITING_ON_USER:
        mark_crashed(job.id, f"its flow run ended as {run.state.name} while the job was {job.status}")
