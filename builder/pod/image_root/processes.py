"""The processes that run in an image root: ended before it is unmounted, or packed."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from builder.pod.polling import poll
from builder.pod.step import say

GRACE_SECONDS = 3.0
_POLL_SECONDS = 0.1


def processes_in(root: Path, proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of the processes whose root, folder or program lies in a folder; never our own.

    Args:
        root: An absolute path without links.
        proc: The kernel's file system of processes.
    """
    return [
        int(entry.name)
        for entry in proc.iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _lies_in(entry, root)
    ]


def end_processes_in(root: Path) -> None:
    """End the processes that run in a folder: by SIGTERM, then by SIGKILL."""
    root = root.resolve()
    left = processes_in(root)
    if not left:
        return
    say(f"ending {len(left)} processes that still run in the image root")
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        if poll(lambda: None if processes_in(root) else True, GRACE_SECONDS, _POLL_SECONDS):
            return
        left = processes_in(root)


def _lies_in(entry: Path, root: Path) -> bool:
    for name in ("root", "cwd", "exe"):
        try:
            place = str((entry / name).readlink())
        except OSError:
            continue  # it has just ended, or is the kernel's own
        if place == str(root) or place.startswith(f"{root}/"):
            return True
    return False
