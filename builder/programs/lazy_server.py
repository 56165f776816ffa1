"""A file system of one file, the rootfs, that is there at once: what is read of it is fetched then (lazy_file.py).

    python3 -m builder.programs.lazy_server MOUNT_POINT PARTIAL TARGET

Environment: the rootfs' (rootfs.py). It serves `MOUNT_POINT/rootfs` until it is unmounted. A line on its standard input
has it fetch the rest as well, check the whole and name it TARGET; if that cannot be, it ends as a step does (step.py).
The end of its standard input is the end of who has started it.
"""

import errno
import os
import stat
import sys
import threading
import time
from pathlib import Path

import pyfuse3
import trio

from builder.programs.lazy_file import LazyFile
from builder.programs.lazy_rootfs import NAME
from builder.programs.rootfs import OtherContent, Rootfs, complete
from builder.programs.step import StepFailed, TryAgain, end_with, ending_of, run_step, say

_PAUSE_SECONDS = 15.0
_FILE_INODE = pyfuse3.ROOT_INODE + 1
# Nothing ever changes; the kernel need not ask again.
_KEPT_SECONDS = 86400.0


class OneFile(pyfuse3.Operations):  # type: ignore[misc]
    """The file system: a folder with one file, which is read only."""

    def __init__(self, file: LazyFile, size: int) -> None:
        super().__init__()
        self._file = file
        self._size = size

    async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:
        """Return what stat(2) tells."""
        entry = pyfuse3.EntryAttributes()
        is_file = inode == _FILE_INODE
        entry.st_ino = inode
        entry.st_mode = stat.S_IFREG | 0o400 if is_file else stat.S_IFDIR | 0o500
        entry.st_size = self._size if is_file else 0
        entry.attr_timeout = entry.entry_timeout = _KEPT_SECONDS
        return entry

    async def lookup(self, parent_inode: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:
        """Find the file."""
        if name != NAME.encode():
            raise pyfuse3.FUSEError(errno.ENOENT)
        return await self.getattr(_FILE_INODE)

    async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:
        """Open the file; the kernel keeps what it has read."""
        return pyfuse3.FileInfo(fh=_FILE_INODE, keep_cache=True)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        """Read from the file, once it is there; other reads go on meanwhile."""
        if not self._file.is_here(off, size):
            try:
                await trio.to_thread.run_sync(self._file.bring, off, size)
            except (TryAgain, StepFailed) as failure:
                say(f"bytes {off} and on of the rootfs cannot be read: {failure}")
                raise pyfuse3.FUSEError(errno.EIO) from failure
        return self._file.read(off, size)


def lazy_server() -> None:
    """Serve the file until it is unmounted."""
    mount_point, partial, target = (Path(argument) for argument in sys.argv[1:])
    rootfs = Rootfs.asked()
    file = LazyFile(rootfs.source, partial)
    try:
        pyfuse3.init(OneFile(file, rootfs.source.size), str(mount_point), {"ro", f"fsname=ims-{NAME}"})
    except RuntimeError as refused:
        raise StepFailed(f"FUSE cannot be used here: {refused}") from refused

    def fetch_rest() -> None:
        if not sys.stdin.readline():
            os._exit(0)
        if code := ending_of(lambda: insist(rootfs, file, partial, target)):
            end_with(code)

    threading.Thread(target=fetch_rest, daemon=True).start()
    trio.run(pyfuse3.main)
    pyfuse3.close(unmount=False)


def insist(rootfs: Rootfs, file: LazyFile, partial: Path, target: Path) -> None:
    """Complete the rootfs, however long that takes: somebody is at work on it.

    Raises:
        StepFailed: It cannot be completed.
    """
    while True:
        try:
            complete(rootfs, file, partial, target)
        except OtherContent as failure:
            raise StepFailed(
                f"{failure}: somebody has worked on a broken root", advice="run the job again"
            ) from failure
        except TryAgain as failure:
            say(f"{failure}; trying again in {_PAUSE_SECONDS:g} s")
            time.sleep(_PAUSE_SECONDS)
        else:
            say(f"the rootfs is here: {rootfs.source.size} bytes")
            return


if __name__ == "__main__":
    end_with(run_step(lazy_server))
