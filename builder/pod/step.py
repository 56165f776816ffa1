"""How a program of a pod ends: its exit code, its last words, and what SIGTERM does.

0: done. 1: the step failed and would fail again. 75: the network or a server failed and the step may be tried again.
143: ended by SIGTERM. The last line on stderr then begins with `error: `; of a step that failed, the line before begins
with `advice: ` and says what to do about it. It is always there: a child's last line must not stand in for it.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from builder.pod.space import MORE_SPACE, is_full, space_of

DONE = 0
FAILED = 1
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
TERMINATED = 128 + signal.SIGTERM

READ_ON = "read the end of its log for what led to it"


class StepFailed(Exception):
    """The step cannot succeed as it is; message and advice are one line each, for the administrator."""

    def __init__(self, message: str, *, advice: str = READ_ON) -> None:
        super().__init__(message)
        self.advice = advice


class TryAgain(Exception):
    """The network or a server failed; the same step may succeed when it is run again."""


class Terminated(BaseException):
    """Somebody wants the pod to end; no `except Exception` may hold that up."""


def workspace() -> Path:
    """Return the folder that the pods of a job share."""
    return Path(os.environ.get("IMS_WORKSPACE", "/workspace"))


def required(variable: str) -> str:
    """Return an environment variable that the pod's manifest has to set.

    Raises:
        StepFailed: It is not set.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise StepFailed(f"the environment variable {variable} is not set")
    return value


def say(line: str) -> None:
    """Write a line to the pod's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_step(step: Callable[[], None]) -> int:
    """Run a step and return the exit code that says how it ended, its last words written to stderr."""
    # The first process of a container gets no default action for SIGTERM: without a handler it is ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _terminate)
    return ending_of(step)


def ending_of(step: Callable[[], None]) -> int:
    """Run a step, which a signal is not for, and return the exit code that says how it ended, as `run_step` does."""
    try:
        step()
    except StepFailed as failure:
        return _last_words(str(failure), FAILED, advice=failure.advice)
    except TryAgain as failure:
        return _last_words(str(failure), TRY_AGAIN)
    except Terminated:
        return _last_words("ended from outside", TERMINATED)
    except OSError as failure:
        if is_full(failure):
            return _last_words(f"{failure}; {space_of(workspace())}", FAILED, advice=MORE_SPACE)
        return _last_words(f"{type(failure).__name__}: {failure}", FAILED, advice=READ_ON)
    return DONE


def end_with(exit_code: int) -> NoReturn:
    """End the program now: connections that still hang in a stalled upload are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second signal must not cut off the unmounting.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise Terminated


def _last_words(message: str, exit_code: int, *, advice: str = "") -> int:
    sys.stdout.flush()
    if advice:
        sys.stderr.write(f"advice: {_one_line(advice)}\n")
    sys.stderr.write(f"error: {_one_line(message)}\n")
    sys.stderr.flush()
    return exit_code


def _one_line(text: str) -> str:
    # What a script or a server said may be part of it, and move a terminal's cursor.
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
