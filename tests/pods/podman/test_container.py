import copy
from typing import Any

import pytest

from pods.facts import Category
from pods.podman.container import Container
from pods.runtime import Outcome

ENDED: dict[str, Any] = {
    "Name": "ims-1-test-1-step",
    "ImageName": "localhost/ims-builder:1",
    "State": {
        "Status": "exited",
        "OOMKilled": False,
        "Pid": 0,
        "ConmonPid": 0,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": "2026-11-22T11:46:06.225657801Z",
        "FinishedAt": "2026-11-22T11:47:06.225657801Z",
    },
    "HostConfig": {"Memory": 1 << 31},
    "Config": {"Annotations": {"ims/deadline-seconds": "3600"}},
}


def container(**state: Any) -> Container:
    entry = copy.deepcopy(ENDED)
    entry["State"] |= state
    return Container(entry)


def test_an_ended_container_is_read() -> None:
    facts = container(ExitCode=3).facts(["bye"])
    assert (facts.name, facts.exit_code, facts.memory, facts.log_tail) == ("ims-1-test-1", 3, "2 GiB", ["bye"])
    assert facts.started is not None
    assert facts.finished is not None
    assert (facts.finished - facts.started).seconds == 60
    assert facts.deadline is not None
    assert facts.deadline.total_seconds() == 3600


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"FinishedAt": "0001-01-01T00:00:00Z"}, id="no end"),
        pytest.param({"ExitCode": -1}, id="no exit code"),
    ],
)
def test_an_end_that_was_not_seen_is_no_success(state: dict[str, Any]) -> None:
    outcome = Outcome.of(container(**state).facts([]))
    assert outcome.category is Category.KILLED
    assert outcome.exit_code is None


def test_a_short_step_may_end_before_its_start_was_noted() -> None:
    outcome = Outcome.of(container(ExitCode=4, FinishedAt="2026-11-22T11:46:06.1Z").facts([]))
    assert (outcome.category, outcome.exit_code) == (Category.STEP_FAILED, 4)


def test_a_container_whose_supervisor_is_gone_does_not_run() -> None:
    lost = container(Status="running", ConmonPid=1 << 30)
    assert lost.is_lost
    assert lost.has_started
    assert not lost.is_running


@pytest.mark.parametrize("status", ["created", "configured", "initialized"])
def test_a_container_that_was_only_made_has_not_started(status: str) -> None:
    assert not container(Status=status).has_started
