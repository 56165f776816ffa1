"""Network namespaces that belong to no container: Podman leaves one when it is killed while it starts a pod."""

import subprocess
import time
from pathlib import Path

_FOLDER = Path("/run/netns")
# Podman makes a namespace, and notes in the next second which container it belongs to.
_SETTLE_SECONDS = 10.0


def all_namespaces() -> set[Path]:
    """Return the files of all namespaces that Podman has made on this host."""
    return set(_FOLDER.glob("netns-*"))


def remove_ownerless_namespaces(older: set[Path]) -> None:
    """Remove namespaces that belong to no container of any run, and in which no process is.

    Args:
        older: Namespaces that are left alone: those that were there before.
    """
    while any(map(_is_fresh, left := _ownerless(all_namespaces() - older))):
        time.sleep(0.5)
    for namespace in left:
        subprocess.run(["umount", str(namespace)], check=True)
        namespace.unlink()


def _ownerless(namespaces: set[Path]) -> list[Path]:
    if not namespaces:
        return []
    containers = _podman("ps", "--all", "--quiet", "--no-trunc")
    owned = _podman("container", "inspect", "--format", "{{.NetworkSettings.SandboxKey}}", *containers)
    inhabited = _inodes_of_processes()
    there = [path for path in namespaces if path.exists()]
    return [path for path in there if str(path) not in owned and path.stat().st_ino not in inhabited]


def _podman(*command: str) -> list[str]:
    # A container that has just been removed is missing in the answer, and the exit code says so.
    return subprocess.run(["podman", *command], capture_output=True, text=True, check=False).stdout.split()


def _is_fresh(namespace: Path) -> bool:
    return namespace.exists() and time.time() - namespace.stat().st_mtime < _SETTLE_SECONDS


def _inodes_of_processes() -> set[int]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "ns/net").stat().st_ino)
        except OSError:
            continue  # it has just ended
    return found
