"""Makes a folder of a foreign script, alone or in an archive with its files, in a confined process.

The rule: only the child reads an archive; the caller gets the finished folder.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from errors import BadInput
from ingest.confined import run_confined
from ingest.formats import BEGIN_BYTES, is_tar, refuse_other_format
from ingest.limits import Limits
from ingest.names import tree_path
from ingest.new_folder import new_folder
from ingest.shell_script import check_script

logger = logging.getLogger(__name__)

# Scripts are written by people. A program of this size can come in an archive.
LONGEST_SCRIPT_BYTES = 16 << 20


def unpack_script(file: Path, name: str, folder: Path, entries: Sequence[str], limits: Limits) -> str:
    """Make a new folder of a script, and return the path in it of the file to begin with.

    Args:
        file: The script itself, or an archive of its folder (tar; plain, gzip, bzip2 or xz).
        name: The name of a script that is not in an archive.
        folder: The new folder, which appears only when it is complete.
        entries: Paths in an archive of the file to begin with; the first that exists is used.
        limits: The limits of the child that unpacks.

    Raises:
        BadInput: The file is refused: empty or too big, or the archive has a forbidden entry or none of `entries`.
        Conflict: `folder` exists already.
        ImsError: The confined process failed, which is a defect.
    """
    with new_folder(folder) as unfinished:
        if not is_archive(file):
            _refuse_size(file, name)
            _refuse_other_format(file, name)
            shutil.copyfile(file, unfinished / name)
            return name
        request = {
            "archive": str(file.absolute()),
            "folder": str(unfinished),
            "entries": [tree_path(entry) for entry in entries],
        }
        entry, left_out = run_confined("unpack-script", request, limits)
        if left_out:
            logger.info("%s", left_out)
        return str(entry)


def check_entry(folder: Path, entry: str) -> None:
    """Refuse a script that no shell can run as it is.

    Args:
        folder: The script's folder.
        entry: The path in it of the script. It is made executable before it runs.

    Raises:
        BadInput: It has line ends of Windows, or its first line names no program; file and line are named.
    """
    with (folder / entry).open("rb") as file:
        check_script(file.read(LONGEST_SCRIPT_BYTES), entry)


def is_archive(file: Path) -> bool:
    """Return whether a file is a tar archive or compressed, and so not a script itself."""
    return is_tar(_begin(file))


def _begin(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(BEGIN_BYTES)


def _refuse_other_format(file: Path, name: str) -> None:
    """Refuse an archive of another kind, which would be run as if it were a script."""
    begin = _begin(file)
    if not begin.startswith(b"#!"):
        refuse_other_format(begin, f"the script {name}", "a script or a tar archive")


def _refuse_size(file: Path, name: str) -> None:
    size = file.stat().st_size
    if not size:
        raise BadInput(f"the script {name} is empty", resolution="use a script with content")
    if size > LONGEST_SCRIPT_BYTES:
        raise BadInput(
            f"the script {name} has {size} bytes, more than {LONGEST_SCRIPT_BYTES}",
            resolution="put its data into files of its own, and pack both as an archive",
        )
