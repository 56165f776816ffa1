"""A flow run and its state, as a Prefect server has them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, StateType

# The label that a worker puts on each run that it starts.
WORKER_LABEL = "prefect.worker.name"
FINAL = {state.value for state in (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)}


@dataclass(frozen=True)
class RunState:
    """The state of a flow run, in Prefect's words; each change of the state has another id.

    Args:
        type: Prefect's type of state; empty when the server does not know the run.
        name: Prefect's name of the state, such as `AwaitingRetry`.
        message: What Prefect says of it.
        id: The state's id.
        ended: When the run ended, if it has.
    """

    type: str = ""
    name: str = ""
    message: str = ""
    id: str = ""
    ended: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether the server knows the run."""
        return bool(self.type)

    @property
    def is_alive(self) -> bool:
        """Whether the run has not ended; a run that the server does not know counts as ended."""
        return self.is_known and not self.is_final

    @property
    def is_waiting(self) -> bool:
        """Whether no process works on the run yet."""
        return self.type in {StateType.SCHEDULED.value, StateType.PENDING.value}

    @property
    def is_running(self) -> bool:
        """Whether a process works on the run."""
        return self.type == StateType.RUNNING.value

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.type in FINAL

    @property
    def is_completed(self) -> bool:
        """Whether the run has succeeded."""
        return self.type == StateType.COMPLETED.value

    @property
    def is_failed(self) -> bool:
        """Whether the run ended by an error; one whose process was killed did not."""
        return self.type == StateType.FAILED.value

    @property
    def is_cancelling(self) -> bool:
        """Whether the run is to be cancelled, and its process has not ended yet."""
        return self.type == StateType.CANCELLING.value

    @property
    def is_cancelled(self) -> bool:
        """Whether the run was cancelled, and has ended."""
        return self.type == StateType.CANCELLED.value

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


def run_of(found: FlowRun) -> Run:
    """Return the run that Prefect's client has read."""
    return Run(str(found.id), _state_of(found), found.parameters, str(found.labels.get(WORKER_LABEL, "")))


def _state_of(found: FlowRun) -> RunState:
    state = found.state
    if state is None:
        return RunState(StateType.SCHEDULED.value, "Scheduled")
    ended = state.timestamp if state.is_final() else None
    return RunState(state.type.value, state.name or state.type.value, state.message or "", str(state.id), ended)
