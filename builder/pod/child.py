"""A child process whose output becomes the pod's log, and which never outlives its step."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from builder.pod.step import StepFailed, say

# A longer line is cut into pieces of this size: memory stays limited when a program prints no line breaks.
LONGEST_LINE = 16 * 1024
# Kubernetes and Podman kill a pod 10 to 30 seconds after SIGTERM; unmounting has to fit in as well.
GRACE_SECONDS = 5


def run(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, on_line: Callable[[str], None] = say
) -> int:
    """Run a command to its end and return its exit code.

    Args:
        command: Program and arguments.
        environment: What to add to this process's environment.
        on_line: Gets each line of the output and of the errors, in the order they come; one that is too long in pieces.

    Raises:
        StepFailed: The program does not start.
    """
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(f"{command[0]} does not start: {error}") from error
    try:
        while process.stdout and (line := process.stdout.readline(LONGEST_LINE)):
            on_line(line.rstrip("\n"))
        return process.wait()
    finally:
        if process.poll() is None:
            _end(process)
        if process.stdout:
            process.stdout.close()


def _end(process: "subprocess.Popen[str]") -> None:
    """End the process and its children: by SIGTERM, then by SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    # Also when the process itself has ended: its children may not have.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
