"""flows/in_process.py: a run of this process is one of Prefect's, and one whose process was killed is marked."""

import multiprocessing
import os
import signal

import pytest
from prefect import flow

from errors import Conflict
from flows.in_process import begin, mark_killed
from runs.client import connected
from runs.error import RunFailed


@flow(name="deed")
def deed(what: str) -> None:
    if what == "refused":
        raise Conflict("it is refused", resolution="do something else")
    if what == "defect":
        raise ZeroDivisionError
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_ends_with_the_error_of_its_flow(prefect_api: str) -> None:
    done, refused, defect = (begin(deed, {"what": what}, prefect_api) for what in ("done", "refused", "defect"))
    done.carry_out()
    with pytest.raises(Conflict, match="it is refused; do something else"):
        refused.carry_out()
    with pytest.raises(RunFailed, match="see its log at http"):
        defect.carry_out()
    with connected(prefect_api) as runs:
        states = [runs.read_state(str(each.run.id)) for each in (done, refused, defect)]
    assert [(state.is_completed, state.is_failed) for state in states] == [(True, False), (False, True), (False, True)]


def _be_killed(prefect_api: str, told: "multiprocessing.Queue[str]") -> None:
    run = begin(deed, {"what": "killed"}, prefect_api)
    told.put(str(run.run.id))
    told.close()
    told.join_thread()
    run.carry_out()


def test_a_run_whose_process_was_killed_is_marked_and_no_other(prefect_api: str) -> None:
    alive = begin(deed, {"what": "done"}, prefect_api)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=_be_killed, args=(prefect_api, told))
    process.start()
    killed = told.get(timeout=60)
    process.join(60)
    with connected(prefect_api) as runs:
        assert runs.read_state(killed).is_alive
        assert mark_killed(runs) == [killed]
        assert (runs.read_state(killed).name, mark_killed(runs)) == ("Crashed", [])
        assert runs.read_state(str(alive.run.id)).is_alive
    alive.carry_out()
