"""pip on this host, as far as making images needs it: packages go into a folder, which becomes a layer."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from builder.base import confinement
from errors import Broken, Unreachable


def install(folder: Path, what: Sequence[str], scratch: Path, *, whose: str, resolution: str) -> None:
    """Install packages into a folder.

    Args:
        folder: Where they go.
        what: The packages, as arguments of pip.
        scratch: Where pip unpacks and builds.
        whose: What they are for, for messages.
        resolution: What to do when they cannot be fetched.

    Raises:
        Unreachable: pip does not get the packages.
        Broken: There is no pip.
    """
    command = [
        *(*confinement(), sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("install", "--quiet", "--target", str(folder), *what),
    ]
    exit_code, said = _run(command, {**os.environ, "TMPDIR": str(scratch)})
    if exit_code == 0:
        return
    last_lines = " ".join(said.strip().splitlines()[-3:])
    if "No module named pip" in last_lines:
        raise Broken(f"{sys.executable} has no pip", resolution=resolution)
    raise Unreachable(f"the packages of {whose} cannot be fetched: {last_lines}", resolution=resolution)


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run pip and return its exit code and its errors; when this process is interrupted, pip and its builds end."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, said = process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, said
