"""What a run of tests can leave on this host: processes, pods, mounts, loop devices and network namespaces.

Everything that is removed here is known to be the run's own: by descent, by the names in the run's calls of Podman,
or by a path in the run's temporary folder. Other runs of tests, and an `ims up`, may be at work beside this one.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from tests.network_namespaces import all_namespaces, remove_ownerless_namespaces

# The folder in which a run notes what belongs to it; set for everything that the run starts.
RUN_VARIABLE = "TEST_RUN"

_TEMPORARY_FOLDER = "temporary-folder"
_PODMAN = """\
#!/bin/bash
printf '%s\\n' "$*" >> {calls}
exec -a podman {podman} "$@"
"""


def note_temporary_folder(folder: Path) -> None:
    """Note the temporary folder of a pytest session in the run's own folder, when there is one."""
    if run := os.environ.get(RUN_VARIABLE):
        with Path(run, _TEMPORARY_FOLDER).open("a") as noted:
            noted.write(f"{folder}\n")


class Leftovers:
    """What a run leaves, except processes.

    Args:
        folder: The run's folder: notes of its temporary folders, and its calls of Podman.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "podman-calls"
        self._namespaces = all_namespaces()
        if podman := which("podman"):
            stand_in = folder / "bin" / "podman"
            stand_in.parent.mkdir()
            stand_in.write_text(_PODMAN.format(calls=self._calls, podman=podman))
            stand_in.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the run's processes: its folder, and a `podman` that notes its arguments there."""
        return {RUN_VARIABLE: str(self._folder), "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}"}

    def remove(self) -> None:
        """Remove all of it; what cannot be removed is reported."""
        self._remove_of_podman()
        self._unmount()
        self._detach_loop_devices()
        remove_ownerless_namespaces(self._namespaces)

    def _remove_of_podman(self) -> None:
        calls = self._calls.read_text() if self._calls.exists() else ""
        for listing, removal in (
            (("pod", "ps", "--format", "{{.Name}}"), ("pod", "rm", "--force", "--time", "0")),
            (("ps", "--all", "--format", "{{.Names}}"), ("rm", "--force", "--time", "0", "--volumes")),
            (("volume", "ls", "--format", "{{.Name}}"), ("volume", "rm", "--force")),
            (("images", "--format", "{{.Repository}}:{{.Tag}}"), ("rmi", "--force")),
        ):
            # A run without containers calls no Podman.
            names = [name for name in _output("podman", *listing) if _is_named(name, calls)] if calls else []
            if names:
                _run("podman", *removal, *names)

    def _unmount(self) -> None:
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        # The last one first: one may lie in another.
        for point in reversed([point for point in points if self._is_below(point)]):
            _run("umount", "--lazy", point)

    def _detach_loop_devices(self) -> None:
        for device in Path("/sys/block").glob("loop*/loop/backing_file"):
            if self._is_below(device.read_text().strip()):
                _run("losetup", "--detach", f"/dev/{device.parents[1].name}")

    def _is_below(self, path: str) -> bool:
        noted = self._folder / _TEMPORARY_FOLDER
        folders = noted.read_text().splitlines() if noted.exists() else []
        return any(path.startswith(f"{folder}/") for folder in folders)


def descendants() -> dict[int, str]:
    """Return the ids and commands of all descendants of this process that have not ended."""
    return {pid: _command(pid) for pid in _below(os.getpid(), _children())}


def processes_outside_containers() -> dict[int, str]:
    """Return the descendants except Podman's supervisors and what runs in their containers."""
    children = _children()
    found = {pid: _command(pid) for pid in _below(os.getpid(), children)}
    supervisors = [pid for pid, command in found.items() if command.partition(" ")[0].endswith("conmon")]
    within = {pid for supervisor in supervisors for pid in (supervisor, *_below(supervisor, children))}
    return {pid: command for pid, command in found.items() if pid not in within}


def _below(parent: int, children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(parent, ()):
        yield child
        yield from _below(child, children)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in _process_ids():
        try:
            # proc(5): state and parent follow the command, which is in brackets and may hold anything.
            state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if state != "Z":
            found.setdefault(int(parent), []).append(pid)
    return found


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""  # it has just ended


def _is_named(name: str, calls: str) -> bool:
    return name.startswith(("ims-", "localhost/ims-test-")) and name in calls


def _output(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        print(f"{' '.join(command)}: {ran.stderr.strip()}", file=sys.stderr)
