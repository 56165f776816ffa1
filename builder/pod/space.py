"""The space of a workspace: whether a failure was caused by a full disk, and how much is free."""

import errno
import shutil
from pathlib import Path

MORE_SPACE = "ask for a larger workspace (build_env_size), or free space where the volumes lie"
_WORDS = ("no space left on device", "disk quota exceeded")
_GIB = 1 << 30


def is_full(error: BaseException) -> bool:
    """Return whether an error says that there was no space left."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def says_full(line: str) -> bool:
    """Return whether a program's complaint says that there was no space left."""
    return any(word in line.lower() for word in _WORDS)


def space_of(folder: Path) -> str:
    """Return how much space a folder's file system has, in words."""
    known = shutil.disk_usage(folder)
    return f"of {known.total / _GIB:.1f} GiB in the workspace {known.free / _GIB:.1f} GiB are free"
