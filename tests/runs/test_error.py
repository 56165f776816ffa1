"""runs/error.py: what a flow run failed with reaches the one that started it, as its class, message and resolution."""

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Crashed, Failed, Running
from pydantic import BaseModel

import errors
from errors import Conflict, Corrupt, ImsError, Interrupted, NotFound, Unreachable
from flows.hooks import write_error
from runs import error as runs_error
from runs.client import Runs, connected
from runs.error import KEY, RunError, RunFailed, raise_for_state, read_error
from runs.run import Run, RunState
from runs.tables import write_table
from storage.models.jobs import Hold
from storage.models.records import new_id, now
from storage.records.holds import JobHeld
from tests.repository import REPOSITORY

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ImsError)]
RESOLUTION = "do this; then that"
FLOW = """\
import os, sys, time
from prefect import flow
from flows.hooks import write_error

@flow(on_failure=[write_error])
def fails(number: int = 1) -> None:
    print(os.getpid(), flush=True)
    {body}
"""


class Model(BaseModel):
    """A model of which a field is refused."""

    number: int


def refused_by_pydantic() -> None:
    Model.model_validate({"number": "many"})


def no_such_key() -> None:
    {}["missing"]  # type: ignore[index]


def no_answer_in_time() -> None:
    raise TimeoutError


def no_result() -> None:
    from prefect.exceptions import MissingResult

    raise MissingResult("the result was not persisted")


OTHERS = {
    "ValidationError": (refused_by_pydantic, "1 validation error for Model"),
    "KeyError": (no_such_key, "'missing'"),
    "TimeoutError": (no_answer_in_time, ""),
    "MissingResult": (no_result, "the result was not persisted"),
}


def failed_run(runs: Runs, act: object) -> Run:
    """Run a flow that calls something which raises, and return its run."""
    ids: list[str] = []

    @flow(name="fails", on_failure=[write_error])
    def fails() -> None:
        from prefect.runtime import flow_run

        ids.append(str(flow_run.id))
        act()  # type: ignore[operator]

    state = fails(return_state=True)
    assert state.is_failed()
    return runs.read_run(ids[0])


@pytest.mark.parametrize("kind", TREE, ids=[kind.__name__ for kind in TREE])
def test_an_error_of_the_tree_is_raised_as_itself(runs: Runs, kind: type[ImsError]) -> None:
    def act() -> None:
        raise kind("it is so: 1; 2", resolution=RESOLUTION)

    with pytest.raises(ImsError) as raised:
        raise_for_state(runs, failed_run(runs, act))
    assert type(raised.value) is kind
    assert (raised.value.message, raised.value.resolution) == ("it is so: 1; 2", RESOLUTION)


def test_an_error_that_is_derived_from_one_of_the_tree_is_raised_as_that(runs: Runs) -> None:
    held = JobHeld("JOB", Hold(holder="h", host="node-7", run_id="r", renewed=now()))

    def act() -> None:
        raise held

    run = failed_run(runs, act)
    error = read_error(runs, run)
    assert error is not None
    assert (error.kind, error.base) == ("JobHeld", "Conflict")
    with pytest.raises(Conflict, match="node-7") as raised:
        raise_for_state(runs, run)
    assert (raised.value.message, raised.value.resolution) == (held.message, held.resolution)


@pytest.mark.parametrize(("act", "said"), OTHERS.values(), ids=OTHERS)
def test_any_other_error_is_a_failure_with_its_class_and_message(
    runs: Runs, request: pytest.FixtureRequest, act: object, said: str
) -> None:
    run = failed_run(runs, act)
    with pytest.raises(RunFailed) as raised:
        raise_for_state(runs, run)
    kind = request.node.callspec.id
    assert raised.value.message.startswith(f"{kind}: {said}" if said else kind)
    assert runs.address(run.id) in raised.value.resolution
    assert "goes on" not in str(raised.value)


def test_parameters_that_the_flow_refuses_when_it_starts_are_a_failure(runs: Runs) -> None:
    @flow(name="takes a number", on_failure=[write_error])
    def takes(number: int) -> None:
        """Do nothing."""

    state = takes("many", return_state=True)
    [run_id] = [state.state_details.flow_run_id]
    with pytest.raises(RunFailed, match=r"(?s)ParameterTypeError: .*number"):
        raise_for_state(runs, runs.read_run(str(run_id)))


def test_of_a_retried_run_the_newest_attempts_error_counts(runs: Runs, prefect_api: str) -> None:
    def first() -> None:
        raise NotFound("the first", resolution=RESOLUTION)

    run = failed_run(runs, first)
    with SyncPrefectClient(prefect_api) as client:
        client.set_flow_run_state(UUID(run.id), Running(), force=True)
        state: State[Any] | None = client.set_flow_run_state(UUID(run.id), Failed(), force=True).state
        assert state is not None
        again = runs.read_run(run.id)
        assert read_error(runs, again) is None
        row = RunError.of(Corrupt("the second"), str(state.id)).model_dump()
        write_table(client, run.id, KEY, [row], "of the second attempt")
    with pytest.raises(Corrupt, match="the second"):
        raise_for_state(runs, again)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Crashed(message="its process was killed"), "ended as Crashed: its process was killed"),
        (Cancelled(message="no longer wanted"), "ended as Cancelled: no longer wanted"),
    ],
    ids=["crashed", "cancelled"],
)
def test_a_run_that_did_not_fail_is_interrupted_whatever_an_earlier_attempt_left(
    runs: Runs, prefect_api: str, state: object, said: str
) -> None:
    def act() -> None:
        raise NotFound("an earlier attempt's")

    run = failed_run(runs, act)
    with SyncPrefectClient(prefect_api) as client:
        client.set_flow_run_state(UUID(run.id), state, force=True)  # type: ignore[arg-type]
    with pytest.raises(Interrupted, match=said) as raised:
        raise_for_state(runs, runs.read_run(run.id))
    assert "the same command continues where it stopped" in raised.value.resolution


def test_a_run_that_has_succeeded_raises_nothing(runs: Runs, prefect_api: str) -> None:
    @flow(name="succeeds", on_failure=[write_error])
    def succeeds() -> None:
        """Do nothing."""

    state = succeeds(return_state=True)
    raise_for_state(runs, runs.read_run(str(state.state_details.flow_run_id)))
    assert state.is_completed()


def test_a_failure_without_data_is_told_in_prefects_words(
    runs: Runs, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_error, "WRITE_LIMIT_SECONDS", 0.2)

    @flow(name="fails without a hook")
    def fails() -> None:
        raise KeyError("missing")

    run = runs.read_run(str(fails(return_state=True).state_details.flow_run_id))
    with pytest.raises(RunFailed, match=r"left no data on its error; Prefect says: .*KeyError: 'missing'"):
        raise_for_state(runs, run)


def test_an_error_that_is_written_late_is_waited_for(runs: Runs, prefect_api: str) -> None:
    from threading import Timer

    state_id = new_id()
    with SyncPrefectClient(prefect_api) as client:

        @flow(name="late")
        def late() -> None:
            """It is not run."""

        run_id = str(client.create_flow_run(late).id)

        def write() -> None:
            with SyncPrefectClient(prefect_api) as other:
                write_table(other, run_id, KEY, [RunError.of(NotFound("late"), state_id).model_dump()], "late")

        Timer(1.5, write).start()
        with pytest.raises(NotFound, match="late"):
            raise_for_state(runs, Run(run_id, RunState("FAILED", "Failed", "", state_id), {}))


def test_an_error_that_cannot_be_read_is_not_told_as_another() -> None:
    with connected("http://127.0.0.1:9/api") as gone:
        run = Run(new_id(), RunState("FAILED", "Failed", "KeyError", new_id()), {})
        with pytest.raises(Unreachable, match="the flow run failed, and its error cannot be read") as raised:
            raise_for_state(gone, run)
        assert gone.address(run.id) in raised.value.resolution


def test_the_error_of_a_process_that_has_ended_is_on_the_server(runs: Runs, prefect_api: str, tmp_path: Path) -> None:
    ended = start(tmp_path, prefect_api, "raise ValueError('no')")
    ended.wait(120)
    run = newest_run(runs, prefect_api)
    with pytest.raises(RunFailed, match="ValueError: no"):
        raise_for_state(runs, run)
    # It stands in the table that Prefect's web interface shows.
    [[row]] = runs.tables(run.id, KEY)
    assert json.dumps(row).startswith('{"kind": "ValueError"')


def test_a_process_that_was_killed_leaves_no_error(runs: Runs, prefect_api: str, tmp_path: Path) -> None:
    process = start(tmp_path, prefect_api, "time.sleep(120)")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    os.kill(pid, signal.SIGKILL)
    process.wait(30)
    run = newest_run(runs, prefect_api)
    assert run.state.is_running
    # As its worker does, which sees the process end.
    with SyncPrefectClient(prefect_api) as client:
        client.set_flow_run_state(UUID(run.id), Crashed(message="exited with status -9"), force=True)
    assert runs.tables(run.id, KEY) == []
    with pytest.raises(Interrupted, match="exited with status -9"):
        raise_for_state(runs, runs.read_run(run.id))


def start(folder: Path, prefect_api: str, body: str) -> "subprocess.Popen[str]":
    """Run a flow in a process of its own."""
    program = folder / "fails.py"
    program.write_text(FLOW.format(body=body) + "\nfails()\n")
    environment = {**os.environ, "PREFECT_API_URL": prefect_api, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True)


def newest_run(runs: Runs, prefect_api: str) -> Run:
    from prefect.client.schemas.sorting import FlowRunSort

    with SyncPrefectClient(prefect_api) as client:
        [found] = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
    return runs.read_run(str(found.id))
