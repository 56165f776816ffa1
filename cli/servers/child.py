"""Programs that this process starts, and that end with it, also when it is killed."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from errors import Broken, LimitReached

LAST_LINES = 15
# The kernel sends it when the thread that started the program ends, also by SIGKILL.
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class Child:
    """A program in a session of its own: the terminal's Ctrl-C reaches only this process, which then stops it in order.

    Start it in the main thread: it dies with the thread that started it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        folder: Path | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Describe the program.

        Args:
            name: What messages call it.
            command: The program and its arguments.
            env: Its whole environment.
            log: File that its output goes to; the one of the start before is kept as `<log>.1`.
            folder: Its working folder; ours when left out.
            descriptors: Files and sockets of ours that it gets.
        """
        self.name = name
        self.env = dict(env)
        self.log = log
        self._command = list(command)
        self._folder = folder
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program.

        Raises:
            Broken: It cannot be started.
        """
        try:
            with suppress(FileNotFoundError):
                self.log.replace(self.log.with_name(f"{self.log.name}.1"))
            with self.log.open("wb") as output:
                self._process = subprocess.Popen(
                    [*WITH_US, *self._command],
                    env=self.env,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=self._descriptors,
                )
        except OSError as error:
            raise Broken(
                f"{self.name} cannot be started: {error}", resolution="install setpriv (Debian: util-linux)"
            ) from error

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raise Broken when the program has ended."""
        if self.exit_code is not None:
            raise self.broken()

    def wait(self, limit: timedelta) -> None:
        """Wait until the program has ended well.

        Raises:
            Broken: It ended with another exit code than 0.
            LimitReached: It still runs after the limit.
        """
        if self._process is None:
            return
        try:
            self._process.wait(limit.total_seconds())
        except subprocess.TimeoutExpired as error:
            raise LimitReached(f"{self.name} did not end within {limit}", resolution=f"see {self.log}") from error
        if self._process.returncode:
            raise self.broken()

    def broken(self) -> Broken:
        """Return the error that says how the program ended, with the last lines of its output."""
        last = "\n".join(f"    {line}" for line in self.last_lines())
        return Broken(
            f"{self.name} ended with exit code {self.exit_code}; its last lines:\n{last}",
            resolution=f"its whole log is {self.log}",
        )

    def last_lines(self, number: int = LAST_LINES) -> list[str]:
        """Return the last lines of its output."""
        with self.log.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, number)]

    def stop(self, grace: timedelta) -> None:
        """End the program: SIGTERM, and SIGKILL for what is left of its session after the grace."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace.total_seconds())
        self.kill()

    def kill(self) -> None:
        """End the program and all of its session at once."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
