"""The lines of a pod's log that a flow reads."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# A program that fails ends with a line ERROR; the line before it is ADVICE when the program knows what to do.
ERROR = "error: "
ADVICE = "advice: "
# The wrapper of every step's command writes it when the kernel killed a process of the step (pods/step_command.py).
OUT_OF_MEMORY = "ims: the kernel killed a process of this step: out of memory"

# A shell listens.
_READY = re.compile(r"shell ready: (\d+) (\S+)")
# A shell cannot be completed; the reason follows, and what can be done about it in the shell.
SHELL_GOES_ON = "shell goes on: "
MEND_HERE = "; in the root: "
# What was written in a shell may be missing, because its pod was lost with its node; what and since when follows.
SHELL_LOST = "shell lost: "


class LastWords(NamedTuple):
    """The error and the advice at the end of a log; empty when there is none."""

    error: str
    advice: str


class ShellReady(NamedTuple):
    """The port of a shell's SSH server, and the fingerprint of its host key."""

    port: int
    fingerprint: str

    def line(self) -> str:
        """Return the line of the log."""
        return f"shell ready: {self.port} {self.fingerprint}"

    @classmethod
    def parse(cls, line: str) -> "ShellReady | None":
        """Read a line of the log; None when it is another one."""
        found = _READY.fullmatch(line)
        return cls(int(found[1]), found[2]) if found else None


def last_words(log: Sequence[str]) -> LastWords:
    """Return the error that the last line of a log names, and the advice of the line before."""
    error = after(ERROR, log[-1]) if log else ""
    advice = after(ADVICE, log[-2]) if error and len(log) > 1 else ""
    return LastWords(error, advice)


def after(prefix: str, line: str) -> str:
    """Return what follows a prefix in a line; nothing when the line begins otherwise."""
    return line.removeprefix(prefix) if line.startswith(prefix) else ""
