"""Deployments and their runs, over Prefect's API: start one, look at it, cancel it, take it up again.

Importing Prefect takes more than a second: import this module where it is called.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Cancelled, Cancelling
from prefect.workers.process import ProcessWorker

from config.settings import settings
from errors import BadInput, NotFound, Unreachable

WORK_POOL = "ims"
CREATE_IMAGE = "create-image/create-image"
CUSTOMIZE_IMAGE = "customize-image/customize-image"
# What the names of the workers of `ims up` begin with; its process id follows.
UP_WORKER = "ims-up-"
# Put on a run by the worker that takes it.
WORKER_LABEL = "prefect.worker.name"
IN_HAND = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
# Longer than a worker is away that is started again.
LATELY = timedelta(minutes=30)
# Log lines reach the server in batches: one may come after a line that is younger than it.
LATE_LINES = timedelta(seconds=10)
PAGE = 200
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class RunState:
    """How far a flow run is, in Prefect's words; the id is another one whenever the state changes."""

    type: str
    name: str
    message: str
    id: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether no process works on the run yet."""
        return self.type in {StateType.SCHEDULED.value, StateType.PENDING.value}

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        ended = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
        return self.type in {state.value for state in ended}

    @property
    def is_cancelling(self) -> bool:
        """Whether the run is to be cancelled, and Prefect waits for its process."""
        return self.type == StateType.CANCELLING.value

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has cancelled the run."""
        return self.type in {StateType.CANCELLING.value, StateType.CANCELLED.value}

    @property
    def is_suspended(self) -> bool:
        """Whether the run waits to be resumed."""
        return self.type == StateType.PAUSED.value


@dataclass(frozen=True)
class Run:
    """A flow run: its id, its state, the parameters it was started with, and the worker that has taken it, if any."""

    id: str
    state: RunState
    parameters: dict[str, Any]
    worker: str = ""


@dataclass(frozen=True)
class LogLine:
    """A line of a flow run's log; `level` and `logger` as in the logging module."""

    id: str
    time: datetime
    logger: str
    level: int
    text: str


class Runs:
    """The flow runs of one Prefect server. Every method may raise Unreachable."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    @property
    def api_url(self) -> str:
        """Address of Prefect's API."""
        return str(self._client.api_url).rstrip("/")

    def address(self, run_id: str) -> str:
        """Return the address of a run in Prefect's web interface."""
        return f"{self.api_url.removesuffix('/api')}/runs/flow-run/{run_id}"

    def start(self, deployment: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Start a run of a deployment and return its id.

        Args:
            deployment: `flow name/deployment name`.
            parameters: The flow's parameters; those left out have the deployment's or the flow's values.
            idempotency_key: The same key is the same run, however often the call is repeated.

        Raises:
            NotFound: No such deployment on this server.
            BadInput: The parameters are not what the flow takes.
        """
        with _translated(self.api_url):
            try:
                found = self._client.read_deployment_by_name(deployment)
            except ObjectNotFound as error:
                raise NotFound(
                    f"the Prefect server {self.api_url} has no deployment {deployment}",
                    resolution="deploy the flows with `prefect --no-prompt deploy --all`, or start `ims up`",
                ) from error
            run = self._client.create_flow_run_from_deployment(
                found.id, parameters=dict(parameters), idempotency_key=idempotency_key
            )
        return str(run.id)

    def find(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: No such run.
        """
        with _translated(self.api_url):
            try:
                return _run(self._client.read_flow_run(UUID(run_id)))
            except ObjectNotFound as error:
                raise NotFound(f"the Prefect server {self.api_url} has no flow run {run_id}") from error

    def log(self, run_id: str, since: datetime | None = None) -> list[LogLine]:
        """Return log lines of a run, oldest first.

        Args:
            run_id: The run.
            since: Leave out what is older; lines around that time may come again, so that late ones are not lost.
        """
        after = LogFilterTimestamp(after_=since - LATE_LINES) if since else None
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run_id)]), timestamp=after)
        lines: list[LogLine] = []
        while True:
            with _translated(self.api_url):
                page = self._client.read_logs(wanted, limit=PAGE, offset=len(lines))
            lines += [LogLine(str(line.id), line.timestamp, line.name, line.level, line.message) for line in page]
            if len(page) < PAGE:
                return lines

    def table(self, run_id: str, key: str) -> list[dict[str, Any]]:
        """Return the rows of the newest table that a run has left under a key; none when it has left none."""
        wanted = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]), key=ArtifactFilterKey(any_=[key])
        )
        with _translated(self.api_url):
            found = self._client.read_artifacts(artifact_filter=wanted)
        newest = max(found, key=lambda artifact: artifact.created or datetime.min.replace(tzinfo=UTC), default=None)
        rows: list[dict[str, Any]] = json.loads(str(newest.data)) if newest else []
        return rows

    def in_hand(self) -> list[Run]:
        """Return the work pool's runs that a worker has taken and not ended, at most a page of them."""
        return [_run(run) for run in self._of_pool(FlowRunFilter(state=_of_type(*IN_HAND)))]

    def stopped(self) -> list[Run]:
        """Return the work pool's runs that are to end or wait to be resumed, and those that failed or ended lately."""
        lately = FlowRunFilterEndTime(after_=datetime.now(UTC) - LATELY)
        waiting = FlowRunFilter(state=_of_type(StateType.CANCELLING, StateType.PAUSED))
        ended = FlowRunFilter(state=_of_type(StateType.CANCELLED, StateType.FAILED, StateType.CRASHED), end_time=lately)
        return [_run(run) for wanted in (waiting, ended) for run in self._of_pool(wanted)]

    def cancel(self, run_id: str) -> None:
        """Ask the worker to stop a run; the run's own clean-up comes first."""
        with _translated(self.api_url):
            self._client.set_flow_run_state(UUID(run_id), Cancelling())

    def mark_cancelled(self, run_id: str, message: str) -> None:
        """Mark a run as cancelled that is to be cancelled and whose process is gone."""
        with _translated(self.api_url):
            self._client.set_flow_run_state(UUID(run_id), Cancelled(message=message))

    def resume(self, run_id: str) -> bool:
        """Schedule a run whose process is gone, under the same id; false when somebody cancels it."""
        with _translated(self.api_url):
            # By Prefect's rules, which let nobody leave Cancelling but for Cancelled.
            answer: OrchestrationResult[Any] = self._client.set_flow_run_state(
                UUID(run_id), AwaitingRetry(message="its worker was lost")
            )
        return answer.status is SetStateStatus.ACCEPT

    def _of_pool(self, wanted: FlowRunFilter) -> list[FlowRun]:
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
        with _translated(self.api_url):
            return self._client.read_flow_runs(flow_run_filter=wanted, work_pool_filter=pool)

    def open_pool(self, command: Sequence[str]) -> None:
        """Make the work pool, or open the one that is there, for workers on this host.

        The workers of earlier `ims up` are forgotten: Prefect takes them for alive for a minute and a half, and the new
        one would leave runs to them.

        Args:
            command: What a worker runs for each flow run.
        """
        template = ProcessWorker.get_default_base_job_template()
        template["variables"]["properties"]["command"]["default"] = " ".join(command)
        pool = WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template, is_paused=False)
        with _translated(self.api_url):
            self._client.create_work_pool(pool, overwrite=True)
        for name in self.workers():
            if name.startswith(UP_WORKER):
                self._forget_worker(name)

    def _forget_worker(self, name: str) -> None:
        with _translated(self.api_url):
            path = {"work_pool_name": WORK_POOL, "name": name}
            self._client.request("DELETE", "/work_pools/{work_pool_name}/workers/{name}", path_params=path)

    def make_pool(self) -> None:
        """Make the work pool unless it is there: whatever was set in Prefect's web interface stays."""
        with _translated(self.api_url), suppress(ObjectAlreadyExists):
            self._client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))

    def close_pool(self) -> None:
        """Let workers take no further runs."""
        with _translated(self.api_url):
            self._client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=True))

    def workers(self) -> set[str]:
        """Return the names of the workers that have called in at the pool."""
        with _translated(self.api_url):
            return {worker.name for worker in self._client.read_workers_for_work_pool(WORK_POOL)}


@contextmanager
def connected(api_url: str = "") -> Iterator[Runs]:
    """Connect to the Prefect server.

    Args:
        api_url: Its API's address. Empty: PREFECT_API_URL, else what a running `ims up` says.

    Raises:
        BadInput: No Prefect server is known.
        Unreachable: It does not answer.
    """
    address = api_url or PREFECT_API_URL.value() or settings().prefect_api_url
    if not address:
        raise BadInput(
            "no Prefect server is configured", resolution="start one with `ims up`, or set PREFECT_API_URL to its API"
        )
    # A proxy that the environment names cannot reach a server on this host's loopback.
    direct = {"trust_env": False} if httpx.URL(address).host in LOOPBACK else {}
    with (
        temporary_settings({PREFECT_API_URL: address}),
        get_client(sync_client=True, httpx_settings=direct) as client,
    ):
        yield Runs(client)


@contextmanager
def _translated(api_url: str) -> Iterator[None]:
    """Say errors of Prefect's client in the project's own words."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        answer = f"the Prefect server {api_url} answered {error.response.status_code}: {error.response.text[:500]}"
        if error.response.is_server_error:
            raise Unreachable(answer) from error
        raise BadInput(answer) from error
    except httpx.HTTPError as error:
        raise Unreachable(
            f"the Prefect server {api_url} does not answer: {error}",
            resolution="see whether `ims up` is running, and whether PREFECT_API_URL names the right server",
        ) from error


def _of_type(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def _run(run: FlowRun) -> Run:
    state = run.state
    if state is None:
        return Run(str(run.id), RunState(StateType.SCHEDULED.value, "Scheduled", ""), run.parameters)
    told = RunState(state.type.value, state.name or "", state.message or "", str(state.id))
    return Run(str(run.id), told, run.parameters, str(run.labels.get(WORKER_LABEL, "")))
