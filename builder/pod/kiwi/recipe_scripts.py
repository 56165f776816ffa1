"""The scripts of a recipe that kiwi runs in the root: what they say is shown as it comes, and how they end is known.

kiwi keeps what they say to itself, and of one that fails it tells the errors without the exit code. It starts them by
chroot. So it finds a chroot of ours first, which passes each line on through a named pipe.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from builder.pod.child import LONGEST_LINE
from builder.pod.script_log import ScriptLog

_CHROOT = "/usr/sbin/chroot"
# How kiwi names a script to chroot: 9.24 from the root's top, 11 from `/` (kiwi/system/setup.py: _call_script).
_SCRIPT = re.compile(r"/?image/([^/]+)")
# What a shell adds to the number of the signal that has ended a program.
SIGNALLED = 128
_PROGRAM = """#!/bin/sh
case "$2 $3" in
    image/*|/image/*|"bash image/"*|"bash /image/"*) exec python3 -m {module} "{pipe}" "$@" ;;
esac
exec {chroot} "$@"
"""


@dataclass(frozen=True)
class Failure:
    """A script that failed: its name, its exit code, and the last line that it said."""

    name: str
    exit_code: int
    last: str

    def __str__(self) -> str:
        return f"{self.name} failed with exit code {self.exit_code}: {self.last or 'it said nothing'}"


class RecipeScripts:
    """Shows what the scripts say while the block runs.

    Args:
        folder: A folder that comes first on kiwi's PATH.
        on_line: Gets each line, after the script's name.
    """

    def __init__(self, folder: Path, on_line: Callable[[str], None]) -> None:
        self._pipe = folder / "script-lines"
        self._program = folder / "chroot"
        self._on_line = on_line
        self._log: ScriptLog | None = None
        self.failure: Failure | None = None

    def __enter__(self) -> Self:
        """Make the chroot and begin to read."""
        text = _PROGRAM.format(module=__name__, pipe=self._pipe, chroot=_CHROOT)
        self._program.write_text(text)
        self._program.chmod(0o755)
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe, 0o600)
        # For reading and writing: the pipe has no end as long as this is open.
        self._open = os.open(self._pipe, os.O_RDWR)
        self._reader = Thread(target=self._read, name="recipe-scripts", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the rest, and stop reading."""
        # Two: a script that was killed may have left a line without its end.
        os.write(self._open, b"\n\n")
        self._reader.join()
        os.close(self._open)
        self._pipe.unlink(missing_ok=True)

    def _read(self) -> None:
        with os.fdopen(os.dup(self._open), errors="replace") as lines:
            for line in lines:
                if line == "\n":
                    break
                with suppress(ValueError):
                    self._take(**json.loads(line))
        if self._log:
            self._log.close()

    def _take(self, script: str, line: str | None = None, exit_code: int = 0) -> None:
        if self._log is None:
            self._log = ScriptLog(lambda each: self._on_line(f"{script}: {each}"))
        if line is not None:
            self._log(line)
            return
        self._log.close()
        if exit_code:
            self.failure = Failure(script, exit_code, self._log.last)
        self._log = None


def main(pipe: Path, words: Sequence[str]) -> int:
    """Run chroot with these words, pass on what it says, and return its exit code."""
    name = next(script[1] for word in words if (script := _SCRIPT.fullmatch(word)))
    with pipe.open("w", buffering=1) as told:

        def tell(**values: str | int) -> None:
            told.write(f"{json.dumps({'script': name, **values})}\n")

        # In one pipe the lines keep their order.
        process = subprocess.Popen([_CHROOT, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while process.stdout and (line := process.stdout.readline(LONGEST_LINE)):
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            tell(line=line.decode(errors="replace").rstrip("\n"))
        code = process.wait()
        exit_code = code if code >= 0 else SIGNALLED - code
        tell(exit_code=exit_code)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
