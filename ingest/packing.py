"""Packs folders as archives: the same content always makes the same bytes."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from errors import BadInput


def pack(folder: Path, file: BinaryIO, *, below: str = "", also: Mapping[str, bytes] | None = None) -> None:
    """Pack a folder's content as a gzipped tar archive, without owners and times; symbolic links stay links.

    Args:
        folder: The folder to pack.
        file: The file to write the archive to.
        below: The folder in the archive that gets the content.
        also: Further files for the archive, by name.

    Raises:
        BadInput: The folder holds an entry that is not a file, folder or symbolic link, or that cannot be read.
    """
    try:
        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in sorted(folder.rglob("*")):
                _refuse_special(path)
                inside = Path(below) / path.relative_to(folder)
                tar.add(path, inside.as_posix(), recursive=False, filter=_anonymous)
            _add_files(tar, also or {})
    except OSError as error:
        raise BadInput(f"the folder {folder} cannot be packed: {error}") from error


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar archive of files that are given as bytes, without owners and times.

    Args:
        files: The files' content by their names in the archive.
    """
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add_files(tar, files)
    return packed.getvalue()


def _add_files(tar: tarfile.TarFile, files: Mapping[str, bytes]) -> None:
    for name, body in files.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))


def _refuse_special(path: Path) -> None:
    if not (path.is_symlink() or path.is_file() or path.is_dir()):
        raise BadInput(f"the folder holds {path}, which is not a file, folder or symbolic link", resolution="remove it")


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry
