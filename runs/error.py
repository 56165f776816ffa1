"""The error of a flow run that failed, left on the server as data for the one that started it.

A run may be retried, and each attempt may leave an error: the one that counts belongs to the run's present state.
"""

import time
from typing import Any, Self

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from pydantic import BaseModel

import errors
from errors import ImsError, Interrupted, PermanentError, Unreachable
from runs.client import Runs
from runs.run import Run
from runs.tables import write_table

KEY = "ims-error"
# The run's process writes its error just after it has set the run's state, and tries again on a busy server.
WRITE_LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.5
_TREE = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ImsError)}


class RunFailed(PermanentError):
    """A flow run ended by an error that is not of this project's error tree."""


class RunError(BaseModel):
    """What a flow run failed with.

    Args:
        kind: The name of the error's class.
        base: The class of errors.py that it is, or the nearest one that it is derived from; empty for any other error.
        message: What happened.
        resolution: What to do about it.
        state_id: The state in which the run ended by it.
    """

    kind: str
    base: str = ""
    message: str
    resolution: str = ""
    state_id: str

    @classmethod
    def of(cls, error: BaseException, state_id: str) -> Self:
        """Return an error as data."""
        kind = type(error).__name__
        if isinstance(error, ImsError):
            base = next(each.__name__ for each in type(error).__mro__ if each.__name__ in _TREE)
            return cls(kind=kind, base=base, message=error.message, resolution=error.resolution, state_id=state_id)
        return cls(kind=kind, message=str(error), state_id=state_id)

    def as_error(self, address: str) -> ImsError:
        """Return the error to raise.

        Args:
            address: Where the run's log is.
        """
        if self.base in _TREE:
            return _TREE[self.base](self.message, resolution=self.resolution)
        return RunFailed(
            f"{self.kind}: {self.message}" if self.message else self.kind,
            resolution=f"the flow run's log at {address} shows where; report it with that log if it is a defect",
        )


def write_error(client: SyncPrefectClient, run_id: str, state: State[Any]) -> None:
    """Leave the error of a run that has failed; nothing when its state holds none."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, BaseException):
        row = RunError.of(error, str(state.id)).model_dump()
        write_table(client, run_id, KEY, [row], "What the flow run failed with.")


def read_error(runs: Runs, run: Run) -> RunError | None:
    """Return what a run failed with in its present state; nothing when that is not written."""
    found = [RunError.model_validate(row) for rows in runs.tables(run.id, KEY) for row in rows]
    return next((error for error in found if error.state_id == run.state.id), None)


def raise_for_state(runs: Runs, run: Run) -> None:
    """Raise the error of a run that has ended, unless it has succeeded.

    Raises:
        ImsError: What the run failed with.
        RunFailed: The same, of a class outside of the error tree, or of one that is not known.
        Interrupted: It was cancelled, or its process was killed. What is started again continues where it stopped.
        Unreachable: It failed, and the server does not say by what.
    """
    if run.state.is_completed:
        return
    address = runs.address(run.id)
    if not run.state.is_failed:
        raise Interrupted(
            f"the flow run ended as {run.state.name}: {run.state.message or 'Prefect gives no reason'}",
            resolution=f"see its log at {address}; the same command continues where it stopped",
        )
    error = _await_error(runs, run)
    if error is not None:
        raise error.as_error(address)
    raise RunFailed(
        f"the flow run failed and left no data on its error; Prefect says: {run.state.message or 'nothing'}",
        resolution=f"see its log at {address}",
    )


def _await_error(runs: Runs, run: Run) -> RunError | None:
    end = time.monotonic() + WRITE_LIMIT_SECONDS
    try:
        while (error := read_error(runs, run)) is None and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
    except Unreachable as unreachable:
        raise Unreachable(
            f"the flow run failed, and its error cannot be read: {unreachable.message}",
            resolution=f"see its log at {runs.address(run.id)} when the server answers again",
        ) from unreachable
    return error
