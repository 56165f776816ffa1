"""Opens files of an unpacked recipe folder by folder, so that no link is followed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a named pipe blocks without O_NONBLOCK; for a regular file the flag has no effect.
OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def parent_of(path: str, top: int) -> Iterator[tuple[int, str]]:
    """Yield the open folder that contains `path`, and the name of `path` in it.

    Args:
        path: Relative, without `..`.
        top: The open folder that it is relative to.

    Raises:
        OSError: A part of the path is not a folder: it is missing, a file or a link.
    """
    *folders, name = path.split("/")
    at = os.dup(top)
    try:
        for folder in folders:
            inner = os.open(folder, FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        yield at, name
    finally:
        os.close(at)
