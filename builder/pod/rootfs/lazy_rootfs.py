"""A rootfs that is there before it is fetched: a user gets to work at once, and the rest comes meanwhile.

A child serves it as a file by FUSE (lazy_server.py), and the workspace's rootfs is a link to that file until the whole
is there and checked. Who mounts the root sees no difference, but for the time that a first look at something takes.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from builder.contract.exit_codes import TRY_AGAIN
from builder.contract.lines import last_words
from builder.pod.image_root.mounts import unmount_below
from builder.pod.image_root.root import Overlay, make_overlay
from builder.pod.rootfs.lazy_server import FETCH, FINISH, READ_FAILED
from builder.pod.rootfs.rootfs import remove_partials
from builder.pod.step import StepFailed, TryAgain, say

_FILE = Path("/run/ims-rootfs/rootfs")
_START_SECONDS = 20.0
_LOOK_SECONDS = 0.02


class Arrival:
    """What tells of the rest of a rootfs: here that it is whole, and nothing is to be waited for."""

    def fetch_rest(self) -> None:
        """Have the rest fetched, from now on."""

    def check(self) -> None:
        """See that the rest can still come. Raises TryAgain or StepFailed when it cannot."""

    def excuse(self, failure: Exception) -> None:
        """Raise TryAgain for a failure that may come of reads of the rootfs that failed."""

    def wait(self) -> None:
        """Wait until the whole is there, and checked. Raises TryAgain or StepFailed when it cannot come."""


class _Arriving(Arrival):
    """Tells of a rootfs of which nothing may be there yet."""

    def __init__(self, server: "_Server", place: Path) -> None:
        """Take a server that serves it, and the place where the whole will be."""
        self._server = server
        self._place = place

    def fetch_rest(self) -> None:
        self._server.tell(FETCH)

    def check(self) -> None:
        code = self._server.code
        if code is None:
            return
        words = last_words(self._server.said())
        if code == TRY_AGAIN or not words.error:
            reason = words.error or f"what serves it ended with exit code {code}"
            raise TryAgain(f"the rootfs cannot be read any more: {reason}")
        raise StepFailed(words.error, advice=words.advice or "run the job again")

    def excuse(self, failure: Exception) -> None:
        self.check()
        failed = [line for line in self._server.said() if line.startswith(READ_FAILED)]
        if failed:
            raise TryAgain(
                f"{failure}; the rootfs could not be read: {failed[-1].removeprefix(READ_FAILED)}"
            ) from failure

    def wait(self) -> None:
        if not self._is_whole:
            say("waiting for the rest of the rootfs")
            self._server.tell(FINISH)
        while not self._is_whole:
            self.check()
            time.sleep(_LOOK_SECONDS)

    @property
    def _is_whole(self) -> bool:
        return self._place.is_file() and not self._place.is_symlink()


class _Server:
    """The child that serves a rootfs, as a file and as a link to it in its place.

    Args:
        place: The workspace's rootfs.
        words: Gets what the child says on its standard error.
    """

    def __init__(self, place: Path, words: IO[str]) -> None:
        """Start it."""
        self._words = words
        command = [sys.executable, "-m", "builder.pod.rootfs.lazy_server", str(_FILE), str(place)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=words, text=True)

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def starts(self) -> bool:
        """Wait until the file is there, and tell whether that came to be."""
        end = time.monotonic() + _START_SECONDS
        while self.code is None and time.monotonic() < end:
            if _FILE.exists():
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def tell(self, order: str) -> None:
        """Give an order; one that has ended gets none."""
        with suppress(BrokenPipeError):
            print(order, file=self._process.stdin, flush=True)

    def said(self) -> list[str]:
        """Return the lines of its standard error so far."""
        self._words.seek(0)
        return self._words.read().splitlines()

    def end(self) -> None:
        """End it, also while somebody reads."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()


@contextmanager
def lazy_root(here: Path) -> Iterator[Arrival | None]:
    """Make the workspace's root of the rootfs that the environment names, which is not there yet, while the block runs.

    Safe to repeat: what was changed in the root stays.

    Yields:
        What tells of the rest; None where such a root cannot be had: there is no FUSE, no space, or no right to mount.
    """
    place = Overlay(here).rootfs
    with _served(place) as server:
        if server is not None and make_overlay(here):
            say("the image root is the rootfs while it comes, with an overlay on the workspace")
            yield _Arriving(server, place)
        else:
            yield None


@contextmanager
def _served(place: Path) -> Iterator[_Server | None]:
    """Serve the rootfs that the environment names at its place; nothing where FUSE cannot be used."""
    _FILE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryFile("w+") as words:
        server = _Server(place, words)
        try:
            if not server.starts():
                said = server.said() or ["FUSE does not start"]
                say(f"the rootfs has to be downloaded first: {said[-1]}")
                yield None
                return
            place.unlink(missing_ok=True)
            place.symlink_to(_FILE)
            yield server
        finally:
            try:
                unmount_below(_FILE.parent)
            finally:
                server.end()
                remove_partials(place)
                if place.is_symlink():
                    place.unlink()
