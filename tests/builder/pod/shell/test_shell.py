"""builder/pod/shell/shell.py and shell_orders.py: what ends a shell. sshd is tested with the flows."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.pod.shell.orders import OrderInbox
from builder.pod.shell.shell import Ended, Ending, Shell, in_words, wait
from tests.builder.s3_stand_in import StandIn

NOT_SOON = 600
ORDERS = "/shell.json"


class Lab:
    """A shell without a server, and the document of its orders."""

    def __init__(self, folder: Path, server: StandIn) -> None:
        self.folder, self.server = folder, server
        self.sessions = 0
        self.refusal: Callable[[], str] = str
        self.say()

    def say(self, *, seconds: float = NOT_SOON, **more: Any) -> None:
        """Write the orders."""
        self.server.objects[ORDERS] = json.dumps({"until": time.time() + seconds, **more}).encode()

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def wait(self, *, limit: float = NOT_SOON, idle: int = NOT_SOON) -> Ended:
        """Wait for the end, with the limits that the pod was given."""
        inbox = OrderInbox(self.server.url(ORDERS), time.time() + limit, self.folder / "last-order")
        shell = Shell(welcome="", signals=self.folder, refusal=self.refusal)
        return wait(shell, inbox, lambda: self.sessions, idle)


@pytest.fixture
def lab(tmp_path: Path, server: StandIn) -> Lab:
    return Lab(tmp_path, server)


@pytest.mark.parametrize(("name", "how"), [("complete", Ending.COMPLETE), ("failed", Ending.FAILED)])
def test_a_file_ends_it_and_is_removed(lab: Lab, name: str, how: Ending) -> None:
    lab.touch(name)
    assert lab.wait().how is how
    assert not (lab.folder / name).exists()


@pytest.mark.parametrize(("operation", "how"), [("complete", Ending.COMPLETE), ("abort", Ending.FAILED)])
def test_an_order_ends_it(lab: Lab, operation: str, how: Ending) -> None:
    lab.say(order={"id": "1", "operation": operation})
    assert lab.wait().how is how


def test_the_file_failed_counts_before_the_file_complete(lab: Lab) -> None:
    lab.touch("complete")
    lab.touch("failed")
    assert lab.wait().how is Ending.FAILED


def test_an_order_is_carried_out_once_also_by_the_next_pod(lab: Lab) -> None:
    lab.say(order={"id": "1", "operation": "complete"})
    lab.wait()
    lab.say(seconds=1, order={"id": "1", "operation": "complete"})
    assert lab.wait().how is Ending.LIMIT


def test_what_cannot_be_completed_goes_on_until_it_can(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    answers = ["no kernel", ""]

    def refusal() -> str:
        lab.touch("complete")  # the user tries again
        return answers.pop(0)

    lab.refusal = refusal
    lab.touch("complete")
    assert lab.wait().how is Ending.COMPLETE
    assert "shell goes on: no kernel\n" in capsys.readouterr().out


def test_at_the_limit_it_says_why_it_could_not_be_completed(lab: Lab) -> None:
    lab.refusal = lambda: "no kernel"
    lab.touch("complete")
    lab.say(seconds=1)
    assert lab.wait() == Ended(Ending.LIMIT, "the shell was ended at its limit", "no kernel")


def test_an_extension_counts_instead_of_the_limit_that_the_pod_was_given(lab: Lab) -> None:
    lab.say(order={"id": "1", "operation": "complete"})
    assert lab.wait(limit=0).how is Ending.COMPLETE


def test_a_shell_without_sessions_ends_at_its_idle_limit(lab: Lab) -> None:
    ended = lab.wait(idle=0)
    assert (ended.how, ended.words) == (Ending.IDLE, "the shell was ended: it was not used for 1 min")


def test_a_session_keeps_it_open(lab: Lab) -> None:
    lab.sessions = 1
    lab.say(seconds=2)
    assert lab.wait(idle=1).how is Ending.LIMIT


def test_an_extension_keeps_it_open_without_sessions(lab: Lab) -> None:
    lab.say(seconds=1, awake_until=time.time() + NOT_SOON)
    assert lab.wait(idle=0).how is Ending.LIMIT


@pytest.mark.parametrize("fault", ["403", "404", "500", "not JSON", "{}"])
def test_orders_that_cannot_be_read_end_nothing(lab: Lab, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    if fault.isdigit():
        lab.server.faults[ORDERS] = [fault] * 100
    else:
        lab.server.objects[ORDERS] = fault.encode()
    assert lab.wait(limit=1).how is Ending.LIMIT
    said = capsys.readouterr().out
    assert said.count("orders cannot be read at the moment, the shell stays open") == 1
    assert "secret" not in said


@pytest.mark.parametrize(("seconds", "words"), [(1, "1 min"), (3600, "1 h"), (86400 + 90 * 60, "25 h 30 min")])
def test_a_limit_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words
