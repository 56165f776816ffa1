"""A folder that appears only when all that belongs in it is there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import Conflict


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes `folder` when the block ends well, and goes when it does not.

    Safe to repeat: what a killed attempt left beside `folder` is removed first. One caller a folder.

    Raises:
        Conflict: `folder` exists already.
    """
    if os.path.lexists(folder):
        raise Conflict(f"{folder} exists already", resolution="remove it, or unpack elsewhere")
    unfinished = folder.absolute().with_name(f".{folder.name}.unpacking")
    _remove(unfinished)
    unfinished.mkdir(mode=0o755)
    try:
        yield unfinished
        unfinished.rename(folder)
    except BaseException:
        _remove(unfinished)
        raise


def _remove(folder: Path) -> None:
    """Remove a folder with all in it, folders that do not let their owner write included."""
    if not os.path.lexists(folder):
        return
    for _, _, _, inside in os.fwalk(folder):
        os.fchmod(inside, 0o700)
    shutil.rmtree(folder)
