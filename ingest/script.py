"""A script from outside, alone or with the files that belong to it: made a folder, in a confined process.

The rule: an archive is looked at in the child only; the caller sees the finished folder.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from errors import BadInput
from ingest.confined import Limits, run_confined
from ingest.names import tree_path
from ingest.new_folder import new_folder

__all__ = ["Limits", "is_archive", "unpack_script"]

# A script of this size is no text that somebody wrote; a program may come as one, in an archive.
LONGEST_SCRIPT_BYTES = 16 << 20
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
# gzip, bzip2, xz and zstd, which an archive may be refused for.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def unpack_script(file: Path, name: str, folder: Path, entries: Sequence[str], limits: Limits) -> str:
    """Make a new folder of a script, and return the path in it of the file that the script begins with.

    Args:
        file: The script itself, or an archive of its folder (tar; plain, gzip, bzip2 or xz).
        name: What a script that comes alone is called.
        folder: The folder, which appears only when all is well.
        entries: The paths in an archive of the file to begin with; the first that is there is taken.
        limits: The limits of the child that unpacks.

    Raises:
        BadInput: The file is refused: empty, too big, or an archive that holds what it must not hold, or no such entry.
        Conflict: `folder` exists already.
        ImsError: The confined process failed: a defect.
    """
    with new_folder(folder) as unfinished:
        if not is_archive(file):
            _refuse_size(file, name)
            shutil.copyfile(file, unfinished / name)
            return name
        request = {
            "archive": str(file.absolute()),
            "folder": str(unfinished),
            "entries": [tree_path(entry) for entry in entries],
        }
        return str(run_confined("unpack-script", request, limits))


def is_archive(file: Path) -> bool:
    """Tell whether a file is a tar archive, or compressed, rather than a script itself."""
    with file.open("rb") as opened:
        begin = opened.read(512)
    return begin.startswith(_COMPRESSED) or begin[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC)


def _refuse_size(file: Path, name: str) -> None:
    size = file.stat().st_size
    if not size:
        raise BadInput(f"the script {name} is empty", resolution="give one that does something")
    if size > LONGEST_SCRIPT_BYTES:
        raise BadInput(
            f"the script {name} has {size} bytes, more than {LONGEST_SCRIPT_BYTES}",
            resolution="put what it carries beside it, and give both as an archive",
        )
