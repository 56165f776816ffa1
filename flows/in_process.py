"""Flow runs within the process that asks for them: seen in Prefect as any other, without a worker and a new process.

Starting a process for a run takes seconds; a public key is deleted in less than one. The tags of a run name its
process, so that another one of the same host finds out that it was killed: Prefect shows the run as running for ever.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.context import SyncClientContext
from prefect.flow_engine import run_flow_sync

from errors import ImsError
from runs.client import Runs, connected
from runs.connection import http_settings, settings_of
from runs.error import RunFailed
from tasks.processes import is_gone, own_process

logger = logging.getLogger(__name__)

# The tag of each of these runs; the process's name is in a tag of its own.
TAG = "ims-in-process"
_PROCESS = "process: "


@dataclass(frozen=True)
class InProcess:
    """A flow run that this process carries out.

    Args:
        flow: The flow.
        run: The run, which Prefect knows already.
        parameters: Its parameters.
        api_url: The Prefect server's.
        address: Where the run is seen.
    """

    flow: Flow[..., Any]
    run: FlowRun
    parameters: Mapping[str, Any]
    api_url: str
    address: str

    def carry_out(self) -> None:
        """Run the flow to its end, in this thread.

        Raises:
            ImsError: What the run failed with.
            RunFailed: The same, of a class outside of the error tree.
        """
        with settings_of(self.api_url), _client_of(self.api_url):
            state: Any = run_flow_sync(
                self.flow, flow_run=self.run, parameters=dict(self.parameters), return_type="state"
            )
        if state.is_completed():
            return
        error = state.result(raise_on_failure=False)
        if isinstance(error, ImsError):
            raise error
        raise RunFailed(
            f"the flow run ended as {state.name}: {state.message or 'Prefect gives no reason'}",
            resolution=f"see its log at {self.address}",
        )


def _client_of(api_url: str) -> SyncClientContext:
    """Return a context whose client Prefect's engine uses for everything, in place of a new one each time."""
    context = SyncClientContext(httpx_settings=http_settings(api_url))
    # Prefect uses it only where the same settings are asked for, and its engine asks for none.
    context._httpx_settings = None  # noqa: SLF001 - there is no other way; without it a run takes longer
    return context


def begin(flow: Flow[..., Any], parameters: Mapping[str, Any], api_url: str, tags: Sequence[str] = ()) -> InProcess:
    """Make the run of a flow on a Prefect server; nothing of it is carried out yet.

    Args:
        flow: The flow.
        parameters: Its parameters.
        api_url: The server's.
        tags: More tags of the run.

    Raises:
        Unreachable: The server does not answer.
    """
    with connected(api_url) as runs:
        run = runs.make(flow, parameters, [TAG, f"{_PROCESS}{own_process()}", *tags])
        return InProcess(flow, run, parameters, api_url, runs.address(str(run.id)))


def mark_killed(runs: Runs) -> list[str]:
    """Mark the runs as crashed whose processes were killed, and return their ids. What they left, reconcile finishes.

    Raises:
        Unreachable: The server does not answer.
    """
    killed = []
    for run_id, tags in runs.tagged(TAG):
        process = next((tag.removeprefix(_PROCESS) for tag in tags if tag.startswith(_PROCESS)), "")
        if process and is_gone(process):
            runs.mark_crashed(run_id, "the process that worked on it was killed")
            logger.warning("flow run %s was cut off: its process was killed", run_id)
            killed.append(run_id)
    return killed
