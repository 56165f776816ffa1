"""A rootfs that is there before it is fetched: a user gets to work at once, and the rest comes meanwhile.

A child serves it as a file by FUSE (lazy_server.py), and the workspace's rootfs is a link to that file until the whole
is there and checked. Who mounts the root sees no difference, but for the time that a first look at something takes.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.programs.mounts import unmount_below
from builder.programs.root import Overlay, make_overlay
from builder.programs.rootfs import Rootfs, refuse_without_space
from builder.programs.step import TRY_AGAIN, StepFailed, TryAgain, say

NAME = "rootfs"
_MOUNT_POINT = Path("/run/ims-rootfs")
_START_SECONDS = 20.0
_LOOK_SECONDS = 0.02


class Arrival:
    """A rootfs that is whole, in its place: there is nothing to wait for."""

    def fetch_rest(self) -> None:
        """Have the rest fetched, from now on."""

    def check(self) -> None:
        """See that the rest can still come.

        Raises:
            TryAgain, StepFailed: It cannot; what reads the root meets errors.
        """

    def wait(self) -> None:
        """Wait until the whole is there, and checked.

        Raises:
            TryAgain, StepFailed: It cannot come.
        """


class Arriving(Arrival):
    """A rootfs of which nothing may be there yet."""

    def __init__(self, server: "subprocess.Popen[str]", place: Path) -> None:
        """Take a server that serves it, and the place where the whole will be."""
        self._server = server
        self._place = place

    def fetch_rest(self) -> None:
        """Have the rest fetched, from now on; to ask twice is to ask once."""
        with suppress(BrokenPipeError):
            print(file=self._server.stdin, flush=True)

    def check(self) -> None:
        """See that the rest can still come.

        Raises:
            TryAgain, StepFailed: It cannot; what reads the root meets errors.
        """
        if (code := self._server.poll()) is None:
            return
        said = self._server.stderr.read().splitlines() if self._server.stderr else []
        words = {line.partition(": ")[0]: line.partition(": ")[2] for line in said}
        reason = words.get("error", f"what serves it ended with exit code {code}")
        if code == TRY_AGAIN or "error" not in words:
            raise TryAgain(f"the rootfs cannot be read any more: {reason}")
        raise StepFailed(reason, advice=words.get("advice", "run the job again"))

    def wait(self) -> None:
        """Wait until the whole is there, and checked.

        Raises:
            TryAgain, StepFailed: It cannot come.
        """
        self.fetch_rest()
        if self._place.is_symlink():
            say("waiting for the rest of the rootfs")
        while self._place.is_symlink():
            self.check()
            time.sleep(_LOOK_SECONDS)


@contextmanager
def lazy_root(here: Path, rootfs: Rootfs) -> Iterator[Arrival | None]:
    """Make the workspace's root of a rootfs that is not there yet, for as long as the block runs.

    Safe to repeat: what was changed in the root stays.

    Yields:
        What tells of the rest; None where such a root cannot be had: there is no FUSE, or a pod must not mount.

    Raises:
        StepFailed: There is no space for the rootfs.
    """
    place = Overlay(here).rootfs
    refuse_without_space(rootfs, here)
    with _served(place) as server:
        if server is not None and make_overlay(here):
            say("the image root is the rootfs while it comes, with an overlay on the workspace")
            yield Arriving(server, place)
        else:
            yield None


@contextmanager
def _served(place: Path) -> Iterator["subprocess.Popen[str] | None"]:
    """Serve the rootfs that the environment names at its place; nothing where FUSE cannot be used."""
    _MOUNT_POINT.mkdir(exist_ok=True)
    partial = place.with_name(f"{place.name}.part")
    command = [sys.executable, "-m", "builder.programs.lazy_server", str(_MOUNT_POINT), str(partial), str(place)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    file = _MOUNT_POINT / NAME
    try:
        if not _appears(file, server):
            said = server.communicate()[1].splitlines() if server.poll() is not None else ["it does not start"]
            say(f"the rootfs has to be downloaded first: {said[-1] if said else ''}")
            yield None
            return
        place.unlink(missing_ok=True)
        place.symlink_to(file)
        yield server
    finally:
        unmount_below(_MOUNT_POINT)
        server.kill()
        server.communicate()
        partial.unlink(missing_ok=True)
        if place.is_symlink():
            place.unlink()


def _appears(file: Path, server: "subprocess.Popen[str]") -> bool:
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        if file.exists():
            return True
        time.sleep(_LOOK_SECONDS)
    return False
