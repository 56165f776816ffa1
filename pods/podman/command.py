"""Calling `podman`: with time limits, again while its storage is locked; its failures become errors of ours."""

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from errors import Broken, Unreachable
from pods.podman.host import environment
from pods.polling import attempts

logger = logging.getLogger(__name__)

CALL_LIMIT = timedelta(seconds=60)
# How long a call may still take when its caller is interrupted: a partially created pod is worse.
FINISH_LIMIT = timedelta(seconds=10)
PAUSES_WHEN_BUSY = (timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2))
BUSY = (
    "database is locked",
    "resource temporarily unavailable",
    "device or resource busy",
    "xtables lock",
    "layer not known",
    "text file busy",
)


class Answer(NamedTuple):
    """The result of a call of Podman."""

    code: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """Podman's own reason for a failure, on one line."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        # `kube play` ends with "failed to start 2 containers"; the cause stands above it.
        for line in lines:
            if line.startswith("starting container "):
                return line.split(": ", 1)[-1]
        errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        return (errors or lines or [f"exit code {self.code}"])[-1]

    @property
    def is_busy(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return self.code != 0 and any(word in self.stderr.lower() for word in BUSY)


def failure(answer: Answer, *arguments: str) -> Broken | Unreachable:
    """Return what to raise for a call that failed."""
    if answer.is_busy:
        return Unreachable(f"podman {arguments[0]} is busy: {answer.reason}")
    return Broken(
        f"podman {' '.join(arguments[:2])} failed: {answer.reason}",
        resolution="check the container runtime: `podman info`",
    )


class PodmanCommand:
    """The `podman` program, with the configuration that this host needs.

    Args:
        state_dir: Folder for the configuration, should one be needed.
    """

    def __init__(self, state_dir: Path) -> None:
        """Do nothing yet: the first call examines the host."""
        self._state_dir = state_dir

    @cached_property
    def _environment(self) -> dict[str, str]:
        return environment(self._state_dir)

    @cached_property
    def _folder(self) -> Path:
        """Where Podman is started: its supervisor leaves a file `oom` there when a container ran out of memory."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        return self._state_dir

    def ask(self, *arguments: str, stdin: str = "", limit: timedelta = CALL_LIMIT) -> Answer:
        """Call Podman and return its answer, also that of a failure; call again while something is locked.

        Raises:
            Broken: Podman is missing.
            Unreachable: no answer within the limit.
        """
        for _ in attempts(PAUSES_WHEN_BUSY):
            answer = self.ask_once(*arguments, stdin=stdin, limit=limit)
            if not answer.is_busy:
                break
        return answer

    def ask_once(self, *arguments: str, stdin: str = "", limit: timedelta = CALL_LIMIT) -> Answer:
        """Call Podman once: for what must not be repeated without a look at what is there."""
        with self._start(arguments, stderr=subprocess.PIPE, stdin=subprocess.PIPE) as child:
            try:
                stdout, stderr = child.communicate(stdin.encode(), timeout=limit.total_seconds())
            except subprocess.TimeoutExpired as error:
                _kill(child)
                raise Unreachable(
                    f"podman {arguments[0]} did not answer within {limit}",
                    resolution="see whether the host is overloaded, or another podman hangs (`ps aux | grep podman`)",
                ) from error
            except BaseException:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(FINISH_LIMIT.total_seconds())
                _kill(child)
                raise
        answer = Answer(child.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
        logger.debug("podman %s: %d", " ".join(arguments), answer.code)
        return answer

    def run(self, *arguments: str, stdin: str = "", limit: timedelta = CALL_LIMIT) -> str:
        """Call Podman and return what it printed; every failure is raised.

        Raises:
            Broken: it failed.
            Unreachable: it was busy or silent for too long.
        """
        answer = self.ask(*arguments, stdin=stdin, limit=limit)
        if answer.code != 0:
            raise failure(answer, *arguments)
        return answer.stdout

    @contextlib.contextmanager
    def stream(self, *arguments: str) -> Iterator[int]:
        """Start Podman and give the file descriptor of its output, both streams in one; it is ended on leaving."""
        with self._start(arguments, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as child:
            if child.stdout is None:  # pragma: no cover - it is a pipe
                raise Broken(f"podman {arguments[0]} has no output")
            try:
                yield child.stdout.fileno()
            finally:
                _kill(child)

    def _start(self, arguments: tuple[str, ...], *, stdin: int, stderr: int) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                ["podman", *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment,
                cwd=self._folder,
                # A terminal's Ctrl-C must reach this process alone: it must not end a `kube play` in the middle.
                start_new_session=True,
            )
        except OSError as error:
            raise Broken(f"podman cannot be started: {error}", resolution="apt-get install podman") from error


def _kill(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
