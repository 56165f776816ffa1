"""Packs folders as archives: the same content always makes the same bytes."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from errors import BadInput
from ingest.leftovers import is_leftover
from ingest.names import tree_path

_SET_ID = 0o6000
# gzip's levels end there.
_SMALLEST = 9


def pack(
    folder: Path,
    file: BinaryIO,
    *,
    below: str = "",
    also: Mapping[str, bytes] | None = None,
    level: int = _SMALLEST,
) -> list[str]:
    """Pack a folder's content as a gzipped tar archive, without owners and times; symbolic links stay links.

    The setuid and setgid bits of folders are dropped, as owners are: a folder inherits setgid where it was made.

    Args:
        folder: The folder to pack.
        file: The file to write the archive to.
        below: The folder in the archive that gets the content.
        also: Further files for the archive, by name.
        level: How hard it is compressed, from 0, which is not at all.

    Returns:
        The paths in the folder that are left out because they are files of other systems.

    Raises:
        BadInput: The folder holds an entry that is not a file, folder or symbolic link, that cannot be read, or whose
            name is not allowed.
    """
    left_out: list[str] = []
    try:
        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=level) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in _content(folder):
                name = path.relative_to(folder)
                if is_leftover(name.as_posix()):
                    left_out.append(name.as_posix())
                    continue
                _refuse_special(path)
                tree_path(name.as_posix())
                tar.add(path, (Path(below) / name).as_posix(), recursive=False, filter=_anonymous)
            _add_files(tar, also or {})
    except OSError as error:
        raise BadInput(
            f"the folder {folder} cannot be packed: {error}", resolution="make it readable for the user that packs it"
        ) from error
    return left_out


def _content(folder: Path) -> list[Path]:
    """Return all that a folder holds; `Path.rglob` would pass over folders that cannot be read."""
    found: list[Path] = []
    for top, folders, files in os.walk(folder, onerror=_raise):
        found += [Path(top) / name for name in (*folders, *files)]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


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
    if entry.isdir():
        entry.mode &= ~_SET_ID
    return entry
