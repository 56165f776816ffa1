"""How a program of a pod ends: by an exit code (builder/contract/exit_codes.py) and its last lines on stderr.

The last line names the error, the line before says what to do about it (builder/contract/lines.py). A program always
writes both when it fails: otherwise the last line of a child would be taken for them. SIGTERM ends a program.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from builder.contract.exit_codes import DONE, FAILED, TERMINATED, TRY_AGAIN
from builder.contract.inputs import WorkspaceInput
from builder.contract.lines import ADVICE, ERROR
from builder.contract.unreadable import Unreadable
from builder.pod.space import MORE_SPACE, is_full, space_of

READ_ON = "read the end of its log for what led to it"
OTHER_RELEASE = "see whether the builder image is the one of the worker's release (IMS_BUILDER_IMAGE)"


class StepFailed(Exception):
    """The step cannot succeed as it is; message and advice are one line each, for the administrator."""

    def __init__(self, message: str, *, advice: str = READ_ON) -> None:
        super().__init__(message)
        self.advice = advice


class TryAgain(Exception):
    """The network or a server failed; the same step may succeed when it is run again."""


class Terminated(BaseException):
    """The pod was asked to end; no `except Exception` may delay that."""


def workspace() -> Path:
    """Return the folder that the pods of a job share."""
    return WorkspaceInput.from_environment(os.environ).folder


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
    """Run a step as `run_step` does, without handlers for signals."""
    try:
        step()
    except StepFailed as failure:
        return _last_words(str(failure), FAILED, advice=failure.advice)
    except Unreadable as failure:
        return _last_words(str(failure), FAILED, advice=OTHER_RELEASE)
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
    """End the program now, without waiting for connections of a stalled upload."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # A second signal must not interrupt the unmounting.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise Terminated


def _last_words(message: str, exit_code: int, *, advice: str = "") -> int:
    sys.stdout.flush()
    if advice:
        sys.stderr.write(f"{ADVICE}{_one_line(advice)}\n")
    sys.stderr.write(f"{ERROR}{_one_line(message)}\n")
    sys.stderr.flush()
    return exit_code


def _one_line(text: str) -> str:
    # It may quote a script or a server, whose characters could move a terminal's cursor.
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
