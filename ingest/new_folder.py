"""A folder that appears only when its content is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import Conflict


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which is renamed to `folder` when the block succeeds, and removed when it fails.

    Safe to repeat: the remains of a killed attempt beside `folder` are removed first. Only one process may
    work on a folder.

    Raises:
        Conflict: `folder` exists already.
    """
    if os.path.lexists(folder):
        raise Conflict(f"{folder} exists already", resolution="remove it, or unpack into another folder")
    unfinished = folder.absolute().with_name(f".{folder.name}.unpacking")
    remove_folder(unfinished)
    unfinished.mkdir(mode=0o755)
    try:
        yield unfinished
        unfinished.rename(folder)
    except BaseException:
        remove_folder(unfinished)
        raise


def remove_folder(folder: Path) -> None:
    """Remove a folder with its content, including folders that their owner may not write to; none is success."""
    if not os.path.lexists(folder):
        return
    for _, _, _, inside in os.fwalk(folder):
        os.fchmod(inside, 0o700)
    shutil.rmtree(folder)
