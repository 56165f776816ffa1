"""Folders of one example, and what is in them, so that two of them can be compared."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.new_folder import remove_folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder for one example; `tempfile` cannot remove one with folders that are not writable."""
    folder = Path(tempfile.mkdtemp(prefix="ims-ingest-"))
    try:
        yield folder
    finally:
        remove_folder(folder)


def tree_of(top: Path, *, times: bool = False) -> dict[str, tuple[object, ...]]:
    """Return what a folder holds; setuid and setgid of folders, which are dropped as owners are, are no part of it.

    Args:
        top: The folder.
        times: Whether the times belong to it, seconds.
    """
    found: dict[str, tuple[object, ...]] = {}
    first_names: dict[int, str] = {}
    for path in sorted(Path(folder) / name for folder, folders, files in os.walk(top) for name in (*folders, *files)):
        status, name = path.lstat(), path.relative_to(top).as_posix()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            found[name] = ("link", str(path.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = ("folder", mode & ~0o6000)
        else:
            found[name] = ("file", mode, path.read_bytes(), first_names.setdefault(status.st_ino, name))
        if times:
            found[name] += (int(status.st_mtime),)
    return found
