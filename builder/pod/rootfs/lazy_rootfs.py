"""A rootfs that can be mounted before it is downloaded: a user works at once, and the rest is fetched meanwhile.

A child process serves it as a file by FUSE (lazy_server.py). The workspace's rootfs is a link to that file until the
whole is there and checked. In the mounted root only the first read of something takes longer.
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
from builder.pod.polling import poll
from builder.pod.rootfs.lazy_server import FETCH, FINISH, READ_FAILED
from builder.pod.rootfs.rootfs import remove_partials
from builder.pod.step import StepFailed, TryAgain, say

_FILE = Path("/run/ims-rootfs/rootfs")
_START_SECONDS = 20.0
_POLL_SECONDS = 0.02


class RootfsDownload:
    """The download of a rootfs. This class is that of a rootfs that is there: it has nothing to do."""

    def fetch_rest(self) -> None:
        """Begin to fetch the rest."""

    def check(self) -> None:
        """Raise TryAgain or StepFailed when the rest can no longer be fetched."""

    def raise_if_read_failed(self, failure: Exception) -> None:
        """Raise TryAgain for a failure that may follow from a read of the rootfs that failed."""

    def wait(self) -> None:
        """Wait until the whole is there, and checked. Raises TryAgain or StepFailed when it cannot be fetched."""


class _LazyDownload(RootfsDownload):
    """The download of a rootfs of which nothing may be there yet."""

    def __init__(self, server: "_Server", place: Path) -> None:
        """Take a server that serves it, and the place where the whole will be."""
        self._server = server
        self._place = place

    def fetch_rest(self) -> None:
        self._server.order(FETCH)

    def check(self) -> None:
        code = self._server.code
        if code is None:
            return
        words = last_words(self._server.said())
        if code == TRY_AGAIN or not words.error:
            reason = words.error or f"what serves it ended with exit code {code}"
            raise TryAgain(f"the rootfs cannot be read any more: {reason}")
        raise StepFailed(words.error, advice=words.advice or "run the job again")

    def raise_if_read_failed(self, failure: Exception) -> None:
        self.check()
        failed = [line for line in self._server.said() if line.startswith(READ_FAILED)]
        if failed:
            raise TryAgain(
                f"{failure}; the rootfs could not be read: {failed[-1].removeprefix(READ_FAILED)}"
            ) from failure

    def wait(self) -> None:
        if not self._is_whole:
            say("waiting for the rest of the rootfs")
            self._server.order(FINISH)
        while not self._is_whole:
            self.check()
            time.sleep(_POLL_SECONDS)

    @property
    def _is_whole(self) -> bool:
        return self._place.is_file() and not self._place.is_symlink()


class _Server:
    """The child process that serves a rootfs.

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
        """Wait until the file is there; return whether it is."""

        def look() -> bool | None:
            if self.code is not None:
                return False
            return True if _FILE.exists() else None

        return poll(look, _START_SECONDS, _POLL_SECONDS) or False

    def order(self, order: str) -> None:
        """Send an order; when the process has ended, nothing is sent."""
        with suppress(BrokenPipeError):
            print(order, file=self._process.stdin, flush=True)

    def said(self) -> list[str]:
        """Return the lines of its standard error so far."""
        self._words.seek(0)
        return self._words.read().splitlines()

    def end(self) -> None:
        """End it, also while another process reads."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()


@contextmanager
def lazy_root(here: Path) -> Iterator[RootfsDownload | None]:
    """Make the workspace's root of the rootfs that the environment names, while the block runs.

    Safe to repeat: what was changed in the root stays.

    Yields:
        The download; None where this is not possible: there is no FUSE, no space, or no right to mount.
    """
    place = Overlay(here).rootfs
    with _served(place) as server:
        if server is not None and make_overlay(here):
            say("the image root is the rootfs, which is downloaded meanwhile, with an overlay on the workspace")
            yield _LazyDownload(server, place)
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
