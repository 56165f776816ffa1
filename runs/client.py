"""The flow runs of a Prefect server: started, read, cancelled and resumed over its API."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Crashed, Pending

from errors import NotFound
from runs import connection
from runs.connection import address_of, translated
from runs.log import RunLog
from runs.run import Run, RunState, run_of
from runs.tables import Rows, read_tables
from runs.work_pool import WorkPool


class Runs:
    """The flow runs of one Prefect server. Every method that calls it may raise Unreachable.

    Args:
        client: The server's.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self.pool = WorkPool(client)

    @property
    def api_url(self) -> str:
        """Address of Prefect's API."""
        return address_of(self._client)

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
        with translated(self._client):
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

    def make(self, flow: Flow[..., Any], parameters: Mapping[str, Any], tags: Sequence[str]) -> FlowRun:
        """Make a run of a flow that no worker takes: whoever makes it carries it out."""
        with translated(self._client):
            return self._client.create_flow_run(flow, parameters=dict(parameters), tags=tags, state=Pending())

    def note(self, run_id: str, text: str) -> None:
        """Write a line to the log of a run."""
        line = LogCreate(
            name=__name__, level=logging.INFO, message=text, timestamp=datetime.now(UTC), flow_run_id=UUID(run_id)
        )
        with translated(self._client):
            self._client.create_logs([line])

    def tagged(self, tag: str) -> list[tuple[str, list[str]]]:
        """Return the runs with a tag that have not ended, at most a page of them, each with all of its tags."""
        alive = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
        wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]), state=FlowRunFilterState(type=alive))
        with translated(self._client):
            return [(str(run.id), run.tags) for run in self._client.read_flow_runs(flow_run_filter=wanted)]

    def mark_crashed(self, run_id: str, message: str) -> None:
        """Mark a run as crashed whose process was killed."""
        with translated(self._client):
            self._client.set_flow_run_state(UUID(run_id), Crashed(message=message))

    def read_run(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: No such run.
        """
        with translated(self._client):
            try:
                return run_of(self._client.read_flow_run(UUID(run_id)))
            except ObjectNotFound as error:
                raise NotFound(f"the Prefect server {self.api_url} has no flow run {run_id}") from error

    def read_state(self, run_id: str) -> RunState:
        """Return the state of a run; one that is not known when the server has no such run."""
        try:
            return self.read_run(run_id).state
        except (NotFound, ValueError):
            return RunState()

    def log(self, run_id: str) -> RunLog:
        """Return the log of a run; nothing of it is read yet."""
        return RunLog(self._client, run_id)

    def tables(self, run_id: str, key: str) -> list[Rows]:
        """Return the tables that a run has left under a key, newest first."""
        return read_tables(self._client, run_id, key)

    def cancel(self, run_id: str) -> None:
        """Ask the worker to stop a run, which first cleans up after itself."""
        with translated(self._client):
            self._client.set_flow_run_state(UUID(run_id), Cancelling())

    def mark_cancelled(self, run_id: str, message: str) -> None:
        """Mark a run as cancelled that is to be cancelled and whose process has ended."""
        with translated(self._client):
            self._client.set_flow_run_state(UUID(run_id), Cancelled(message=message))

    def resume(self, run_id: str) -> bool:
        """Schedule a run whose process has ended, under the same id; false when a user cancels it."""
        with translated(self._client):
            # By Prefect's rules: a run that is Cancelling becomes nothing but Cancelled.
            answer: OrchestrationResult[Any] = self._client.set_flow_run_state(
                UUID(run_id), AwaitingRetry(message="its worker was lost")
            )
        return answer.status is SetStateStatus.ACCEPT


@contextmanager
def connected(api_url: str) -> Iterator[Runs]:
    """Connect to a Prefect server.

    Args:
        api_url: Its API's address. Empty: as Prefect's own settings say.
    """
    with connection.connected(api_url) as client:
        yield Runs(client)
