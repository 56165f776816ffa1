"""runs/run.py: what Prefect's states mean."""

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Pending,
    Running,
    Scheduled,
    Suspended,
)

from runs.run import WORKER_LABEL, RunState, run_of
from storage.models.records import new_id

MEANINGS: dict[str, tuple[State[None], set[str]]] = {
    "Scheduled": (Scheduled(), {"is_alive", "is_waiting"}),
    "AwaitingRetry": (AwaitingRetry(), {"is_alive", "is_waiting"}),
    "Pending": (Pending(), {"is_alive", "is_waiting"}),
    "Running": (Running(), {"is_alive", "is_running"}),
    "Suspended": (Suspended(timeout_seconds=60), {"is_alive", "is_suspended"}),
    "Cancelling": (Cancelling(), {"is_alive", "is_cancelling"}),
    "Cancelled": (Cancelled(), {"is_final", "is_cancelled"}),
    "Completed": (Completed(), {"is_final", "is_completed"}),
    "Failed": (Failed(), {"is_final", "is_failed"}),
    "Crashed": (Crashed(), {"is_final"}),
}


def flow_run(state: State[None] | None, **labels: str) -> FlowRun:
    return FlowRun.model_validate({"flow_id": new_id(), "labels": labels, "parameters": {"a": 1}, "state": state})


def meanings(state: RunState) -> set[str]:
    return {name for name in vars(RunState) if name.startswith("is_") and getattr(state, name)}


@pytest.mark.parametrize("name", MEANINGS)
def test_a_state_means(name: str) -> None:
    state, wanted = MEANINGS[name]
    read = run_of(flow_run(state)).state
    assert (read.name, meanings(read) - {"is_known"}) == (name, wanted)
    assert (read.ended is not None) == read.is_final
    assert (read.is_known, read.id) == (True, str(state.id))


def test_a_run_without_a_state_is_scheduled() -> None:
    assert meanings(run_of(flow_run(None)).state) == {"is_known", "is_alive", "is_waiting"}


def test_a_run_that_the_server_does_not_know_has_ended() -> None:
    assert meanings(RunState()) == set()


def test_a_run_has_its_parameters_and_its_worker() -> None:
    assert run_of(flow_run(Running())).worker == ""
    run = run_of(flow_run(Running(), **{WORKER_LABEL: "ims-worker-0"}))
    assert (run.worker, run.parameters) == ("ims-worker-0", {"a": 1})
