"""Signals to stop."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from cli.interrupts import Interrupts

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_the_first_one_interrupts_the_second_is_answered_the_third_kills(number: signal.Signals) -> None:
    happened: list[str] = []
    interrupts = Interrupts(happened.append, lambda: happened.append("killed"))
    with interrupts.handled():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert len(happened) == 1
        assert "Once more kills everything" in happened[0]
        with pytest.raises(SystemExit, match="1"):
            os.kill(os.getpid(), number)
    assert happened[1:] == ["killed"]


def test_a_stop_that_began_by_itself_is_not_interrupted() -> None:
    happened: list[str] = []
    interrupts = Interrupts(happened.append, _never)
    with interrupts.handled():
        interrupts.stopping = True
        os.kill(os.getpid(), signal.SIGINT)
    assert len(happened) == 1


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts(_never, _never).handled():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_ignored_ctrl_c_stays_ignored_by_us_and_is_not_by_what_we_start() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts(_never, _never).handled():
            os.kill(os.getpid(), signal.SIGINT)
            shown = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    [ignored] = [int(line.split()[1], 16) for line in shown.splitlines() if line.startswith("SigIgn:")]
    assert not ignored >> signal.SIGINT - 1 & 1


def test_handlers_are_put_back() -> None:
    before: list[Callable[..., object] | int | None] = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts(_never, _never).handled():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def _never(*_: object) -> None:
    raise AssertionError("not called")
