"""The work pool whose workers take the flow runs, and the runs that it has."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from runs.connection import translated
from runs.run import Run, run_of

WORK_POOL = "ims"
# What the names of the workers of `ims up` begin with; the process id follows.
UP_WORKER = "ims-up-"
IN_HAND = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
# Longer than it takes to start a worker again.
LATELY = timedelta(minutes=30)


class WorkPool:
    """The work pool of one Prefect server. Every method may raise Unreachable.

    Args:
        client: The server's.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def open(self, command: Sequence[str]) -> None:
        """Make the work pool, or open the one that is there, for workers on this host.

        The workers of earlier `ims up` are removed: Prefect counts them as online for a minute and a half, and the new
        worker would leave runs to them.

        Args:
            command: What a worker runs for each flow run.
        """
        template = ProcessWorker.get_default_base_job_template()
        template["variables"]["properties"]["command"]["default"] = " ".join(command)
        pool = WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template, is_paused=False)
        with translated(self._client):
            self._client.create_work_pool(pool, overwrite=True)
        for name in self.workers():
            if name.startswith(UP_WORKER):
                self._remove_worker(name)

    def make(self) -> None:
        """Make the work pool unless it is there: what was set in Prefect's web interface stays."""
        with translated(self._client), suppress(ObjectAlreadyExists):
            self._client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))

    def close(self) -> None:
        """Pause the pool, so that its workers take no further runs."""
        with translated(self._client):
            self._client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=True))

    def workers(self) -> set[str]:
        """Return the names of the workers that are registered at the pool."""
        with translated(self._client):
            return {worker.name for worker in self._client.read_workers_for_work_pool(WORK_POOL)}

    def active_runs(self) -> list[Run]:
        """Return the runs that a worker has taken and that have not ended, at most a page of them."""
        return self._runs(FlowRunFilter(state=_of_type(*IN_HAND)))

    def stopped_runs(self) -> list[Run]:
        """Return the runs that are to be cancelled or wait to be resumed, and those that failed or ended lately."""
        lately = FlowRunFilterEndTime(after_=datetime.now(UTC) - LATELY)
        waiting = FlowRunFilter(state=_of_type(StateType.CANCELLING, StateType.PAUSED))
        ended = FlowRunFilter(state=_of_type(StateType.CANCELLED, StateType.FAILED, StateType.CRASHED), end_time=lately)
        return self._runs(waiting) + self._runs(ended)

    def _runs(self, wanted: FlowRunFilter) -> list[Run]:
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
        with translated(self._client):
            return [run_of(run) for run in self._client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=pool)]

    def _remove_worker(self, name: str) -> None:
        with translated(self._client):
            path = {"work_pool_name": WORK_POOL, "name": name}
            self._client.request("DELETE", "/work_pools/{work_pool_name}/workers/{name}", path_params=path)


def _of_type(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
