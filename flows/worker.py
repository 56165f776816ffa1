"""Prefect's process worker, which leaves runs to workers that have fewer: `python -m flows.worker worker start …`.

A thread of it repairs the jobs of runs that stop while no process works on them (flows/stopped_runs.py).

Prefect's own worker takes all runs that are due, up to its limit: of two workers the first one to ask has all of them.
A run that is left to another worker is taken anyway when none has taken it for a while: the other one may have ended,
or be full.
"""

import shlex
import signal
import sys
import warnings
from collections import Counter
from threading import Thread
from typing import Any
from uuid import UUID

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, WorkerStatus
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from config.settings import settings
from flows.sharing import shares
from flows.stopped_runs import repair_stopped_runs
from runs.run import WORKER_LABEL
from runs.work_pool import IN_HAND

# How often a run is left to another worker before it is taken. Not seconds: a slow server delays the other one, too.
CHANCES = 3
# The kernel ends a run's process with its worker, also after a SIGKILL: the next worker of the name resumes the run,
# and no other process may work on it then.
FLOW_RUN = ("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "prefect.engine")


class EndsWithWorker(ProcessJobConfiguration):
    """A run whose process ends with the worker's, unless the pool says how it is started."""

    def prepare_for_flow_run(self, *arguments: Any, **options: Any) -> None:
        """Fill in what the pool does not say."""
        self.command = self.command or shlex.join(FLOW_RUN)
        super().prepare_for_flow_run(*arguments, **options)


with warnings.catch_warnings():
    # Prefect warns that one class replaces another of the same type: that is intended.
    warnings.simplefilter("ignore")

    class SharingWorker(ProcessWorker):
        """A process worker that takes its share of the runs."""

        job_configuration = EndsWithWorker

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            # How often each run that is due was left to another.
            self._left: Counter[UUID] = Counter()
            self._at_work: set[UUID] = set()

        async def run(self, flow_run: FlowRun, *arguments: Any, **options: Any) -> ProcessWorkerResult:
            """Run a flow run in a process, and return when the process has ended."""
            self._at_work.add(flow_run.id)
            try:
                return await super().run(flow_run, *arguments, **options)
            finally:
                self._at_work.discard(flow_run.id)

        async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
            due = [run for run in await super()._get_scheduled_flow_runs() if not self._is_at_work(run.flow_run.id)]
            left_before, self._left = self._left, Counter()
            others = await self._others() if due else set()
            if not others:
                return due
            bound = self._bound(due, others)
            mine = shares([str(run.flow_run.id) for run in due], await self._in_hand(others), self._limit, bound)[
                self.name
            ]
            late = {str(run) for run, times in left_before.items() if times >= CHANCES} - set(bound)
            taken = [run for run in due if str(run.flow_run.id) in {*mine, *late}]
            left = {run.flow_run.id for run in due} - {run.flow_run.id for run in taken}
            self._left = Counter({run: left_before[run] + 1 for run in left})
            return taken

        def _is_at_work(self, run_id: UUID) -> bool:
            """Tell whether a run's earlier process has not ended yet: the run was suspended, and resumed.

            Prefect's own worker ends by a RuntimeError then, and all of its runs with it.
            """
            return run_id in self._at_work or bool(self._limiter and run_id in self._limiter.statistics().borrowers)

        def _bound(self, due: list[WorkerFlowRunResponse], others: set[str]) -> dict[str, str]:
            """Return which worker each resumed run is bound to: on Podman its pods are on that worker's host."""
            if settings().pods.runtime != "podman":
                return {}
            former = {str(run.flow_run.id): str(run.flow_run.labels.get(WORKER_LABEL, "")) for run in due}
            return {run: name for run, name in former.items() if name in {*others, self.name}}

        async def _others(self) -> set[str]:
            online = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE.value]))
            known = await self.client.read_workers_for_work_pool(self._work_pool_name, worker_filter=online)
            return {worker.name for worker in known} - {self.name}

        async def _in_hand(self, others: set[str]) -> dict[str, int]:
            """Return how many runs each worker has; our own are counted before the server knows of them."""
            states = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(IN_HAND))))
            pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
            runs = await self.client.read_flow_runs(flow_run_filter=states, work_pool_filter=pool)
            labelled = {run.id: run.labels.get(WORKER_LABEL) for run in runs}
            labelled |= dict.fromkeys(self._submitting_flow_run_ids, self.name)
            counted = Counter(labelled.values())
            return {name: counted[name] for name in (*others, self.name)}


def end_by_interrupts() -> None:
    """Make SIGINT end this process, also where `&` or nohup has it ignored: Prefect turns SIGTERM into one."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    from prefect.cli import app

    end_by_interrupts()
    Thread(target=repair_stopped_runs, args=(PREFECT_API_URL.value(),), daemon=True).start()
    app()
