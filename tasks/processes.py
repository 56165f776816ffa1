"""Names of processes that no other process has or will have, by which a later process finds out whether one is gone."""

import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def own_process() -> str:
    """Return the name of this process: its kernel's boot, its namespace of process ids, its id and its start."""
    return f"{_host_and_namespace()} {os.getpid()} {_start_of(os.getpid())}"


def is_gone(process: str) -> bool:
    """Return whether a process is gone for certain; of another host or container that is never known.

    Args:
        process: Its name.
    """
    place, process_id, start = process.rsplit(" ", 2)
    return place == _host_and_namespace() and _start_of(int(process_id)) != start


def _host_and_namespace() -> str:
    return f"{_BOOT_ID.read_text().strip()} {_NAMESPACE.readlink()}"


def _start_of(process_id: int) -> str:
    """Return when a process started, in ticks since the boot; empty when there is none, or only its exit code."""
    try:
        # proc(5): the name in brackets, then the state; the start is the 22nd field of the line.
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
