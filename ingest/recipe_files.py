"""Reads and replaces files of an unpacked recipe, whose paths the recipe gives: inside its folder, through no link."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import BadInput
from ingest.folders import FOLDER, NEW_FILE, OLD_FILE, parent_of
from ingest.names import refuse_unprintable, shown

# Descriptions and templates are written by people: a file of this size is neither.
LONGEST_TEXT_BYTES = 16 << 20
_NOT_A_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """Yield the recipe's folder, opened."""
    top = os.open(folder, FOLDER)
    try:
        yield top
    finally:
        os.close(top)


def inner_path(name: str, place: str) -> str:
    """Return a path that a recipe names, in its shortest spelling.

    Args:
        name: The path as the recipe spells it.
        place: Where the recipe names it; the message begins with it.

    Raises:
        BadInput: It is empty, absolute, leads up, or is not printable.
    """
    refuse_unprintable(name, f"{place}: the path {shown(name)}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if not parts or name.startswith("/") or ".." in parts:
        raise BadInput(
            f"{place}: the path {shown(name)} does not lie in the recipe",
            resolution="give a path relative to the recipe's folder, without '..'",
        )
    return "/".join(parts)


def real_path(path: str, folder: str) -> str:
    """Return a path of the recipe with links followed, relative to its folder; outside of it the path itself."""
    base = os.path.realpath(folder)
    real = os.path.realpath(f"{base}/{path}")
    # A path that leads out stays as it is: reading it follows no link, and so refuses it.
    return os.path.relpath(real, base) if real.startswith(f"{base}/") else path


def read_text(path: str, top: int, place: str) -> tuple[bytes, int]:
    """Return a file's content and its mode.

    Args:
        path: As `inner_path` returns it.
        top: The recipe's folder.
        place: Where the recipe names it; the message begins with it.

    Raises:
        BadInput: There is no such file, it is not a regular file, its path leads through a link, or it is too big.
    """
    try:
        with parent_of(path, top) as (parent, name):
            fd = os.open(name, OLD_FILE, dir_fd=parent)
    except OSError as error:
        if error.errno not in _NOT_A_FILE:
            raise
        raise _no_file(path, place) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise _no_file(path, place)
    with os.fdopen(fd, "rb") as file:
        if status.st_size > LONGEST_TEXT_BYTES:
            raise BadInput(f"{place}: {path} has more than {LONGEST_TEXT_BYTES} bytes", resolution="make it smaller")
        return file.read(), stat.S_IMODE(status.st_mode)


def replace_text(path: str, text: bytes, mode: int, top: int) -> None:
    """Replace the content of a file, in one step.

    Args:
        path: As `inner_path` returns it.
        text: The new content.
        mode: The file's mode.
        top: The recipe's folder.
    """
    with parent_of(path, top) as (parent, name), _writable(parent):
        new = ".replacement"
        with os.fdopen(os.open(new, NEW_FILE, 0o600, dir_fd=parent), "wb") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)


def replace_by_link(path: str, target: str, top: int) -> None:
    """Replace a file or a link by a symbolic link to another path of the recipe; both as `inner_path` returns them."""
    with parent_of(path, top) as (parent, name), _writable(parent):
        os.unlink(name, dir_fd=parent)
        os.symlink(os.path.relpath(target, Path(path).parent), name, dir_fd=parent)


@contextmanager
def _writable(folder: int) -> Iterator[None]:
    """Let the folder's owner write to it while the block runs: only root may write to a folder of mode 0555."""
    mode = stat.S_IMODE(os.fstat(folder).st_mode)
    if mode & stat.S_IWUSR:
        yield
        return
    os.fchmod(folder, mode | stat.S_IWUSR)
    try:
        yield
    finally:
        os.fchmod(folder, mode)


def _no_file(path: str, place: str) -> BadInput:
    return BadInput(
        f"{place}: {path} is not a file of the recipe, or its path leads through a link",
        resolution="name a regular file inside the recipe's folder",
    )
