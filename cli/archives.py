"""Recipe archives made from a folder: the same content is the same archive, bit for bit."""

import gzip
import tarfile
from pathlib import Path

from errors import BadInput


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder's content as a gzipped tar archive, without owners and times.

    Symbolic links are packed as they are.

    Raises:
        BadInput: The folder holds something that is no file, folder or symbolic link, or that cannot be read.
    """
    try:
        with (
            archive.open("wb") as file,
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(folder.rglob("*")):
                _refuse_special(path)
                tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_anonymous)
    except OSError as error:
        raise BadInput(f"the recipe folder {folder} cannot be packed: {error}") from error


def _refuse_special(path: Path) -> None:
    if not (path.is_symlink() or path.is_file() or path.is_dir()):
        raise BadInput(
            f"the recipe folder holds {path}, which is no file, folder or symbolic link",
            resolution="remove it from the recipe",
        )


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry
