"""A file system with one file, read only, over FUSE: its bytes are requested when they are read."""

import errno
import stat
from collections.abc import Callable
from pathlib import Path

import pyfuse3
import trio

from builder.pod.step import StepFailed

_FILE_INODE = pyfuse3.ROOT_INODE + 1
# Nothing ever changes; the kernel need not ask again.
_KEPT_SECONDS = 86400.0


def serve(file: Path, size: int, read: Callable[[int, int], bytes], is_quick: Callable[[int, int], bool]) -> None:
    """Serve a file until it is unmounted.

    Args:
        file: The file; its folder is what is mounted.
        size: Its size in bytes.
        read: Returns so many bytes from an offset on, or raises OSError.
        is_quick: Tells whether it would do so without waiting.

    Raises:
        StepFailed: FUSE cannot be used here.
    """
    try:
        pyfuse3.init(_OneFile(file.name, size, read, is_quick), str(file.parent), {"ro", f"fsname=ims-{file.name}"})
    except RuntimeError as refused:
        raise StepFailed(f"FUSE cannot be used here: {refused}") from refused
    trio.run(pyfuse3.main)
    pyfuse3.close(unmount=False)


class _OneFile(pyfuse3.Operations):  # type: ignore[misc]
    def __init__(
        self, name: str, size: int, read: Callable[[int, int], bytes], is_quick: Callable[[int, int], bool]
    ) -> None:
        super().__init__()
        self._name = name.encode()
        self._size = size
        self._read = read
        self._is_quick = is_quick

    async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:
        entry = pyfuse3.EntryAttributes()
        is_file = inode == _FILE_INODE
        entry.st_ino = inode
        entry.st_mode = stat.S_IFREG | 0o400 if is_file else stat.S_IFDIR | 0o500
        entry.st_size = self._size if is_file else 0
        entry.attr_timeout = entry.entry_timeout = _KEPT_SECONDS
        return entry

    async def lookup(self, parent_inode: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:
        if name != self._name:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return await self.getattr(_FILE_INODE)

    async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:
        # The kernel keeps what it has read.
        return pyfuse3.FileInfo(fh=_FILE_INODE, keep_cache=True)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        try:
            if self._is_quick(off, size):
                return self._read(off, size)
            content: bytes = await trio.to_thread.run_sync(self._read, off, size)
        except OSError as failure:
            raise pyfuse3.FUSEError(failure.errno or errno.EIO) from failure
        return content
