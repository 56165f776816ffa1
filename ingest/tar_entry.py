"""One entry of a tar archive: what its header, and the extended headers before it, make of it, or why it is refused."""

import math
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from errors import BadInput
from ingest.names import shown
from ingest.sparse import Piece

_LATEST_MTIME = 1 << 33
_GNU_MAGIC, _GNU_MAGIC_AT, _NAME_BYTES = b"ustar  \0", 257, 100


class Kind(StrEnum):
    """What an entry becomes."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"


_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.GNUTYPE_SPARSE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
}
_REFUSED = {
    tarfile.CHRTYPE: "is a character device",
    tarfile.BLKTYPE: "is a block device",
    tarfile.FIFOTYPE: "is a named pipe",
    b"M": "continues from another volume",
    b"D": "is an incremental backup's folder",
}
# A name for the archive (`tar --label`), and nothing else.
LABEL = b"V"
_SET_ID = 0o6000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the archive: its name and target as the archive spells them, mode bits, sizes in bytes.

    Args:
        name: Its name.
        kind: What it becomes.
        mode: Its mode.
        size: The size of the file that it becomes, bytes.
        target: What a link leads to.
        mtime: When it was changed last, seconds since 1970.
        pieces: Where the stored bytes of a sparse file belong; None when the file is stored as it is.
    """

    name: str
    kind: Kind
    mode: int
    size: int
    target: str
    mtime: int
    pieces: tuple[Piece, ...] | None = None

    @property
    def stored_bytes(self) -> int:
        """How many bytes the archive holds of the file."""
        return self.size if self.pieces is None else sum(length for _, length in self.pieces)


def name_of(header: tarfile.TarInfo, block: bytes, overrides: Mapping[str, str]) -> str:
    """Return an entry's name as the archive spells it."""
    name = overrides.get("GNU.sparse.name", overrides.get("path"))
    if name is not None:
        return name
    if block[_GNU_MAGIC_AT:].startswith(_GNU_MAGIC):
        # GNU's own format has no prefix: these bytes are times, which `tarfile` takes for one.
        name = block[:_NAME_BYTES].partition(b"\0")[0].decode(errors="surrogateescape")
        return name.rstrip("/") if header.isdir() else name
    return header.name


def size_of(header: tarfile.TarInfo, name: str, overrides: Mapping[str, str]) -> int:
    """Return how many bytes of content follow an entry's header.

    Raises:
        BadInput: It is no size.
    """
    override = overrides.get("size")
    if override is None:
        size = header.size
    elif override.isascii() and override.isdigit() and len(override) < len(str(1 << 64)):
        size = int(override)
    else:
        raise refused(name, f"has the size {shown(override)}", "pack it again with GNU tar")
    if size < 0:
        raise refused(name, f"has a size of {size} bytes", "pack it again with GNU tar")
    return size


def kind_of(header: tarfile.TarInfo, name: str, size: int) -> Kind:
    """Return what an entry becomes.

    Raises:
        BadInput: It is of a kind that a recipe must not hold, or contradicts itself.
    """
    why = _REFUSED.get(header.type)
    if why is not None:
        raise refused(name, why, "remove it: only files, folders and links are accepted")
    kind = _KINDS.get(header.type)
    if kind is None:
        raise refused(name, f"is of the unknown type {header.type!r}", "pack it again with GNU tar")
    if kind is not Kind.FILE and size:
        raise refused(name, f"is a {kind} with content", "pack it again with GNU tar")
    if kind is Kind.FILE and name.endswith("/"):
        raise refused(name, "is a file whose name ends with a slash", "pack it again with GNU tar")
    return kind


def mode_of(header: tarfile.TarInfo, kind: Kind, name: str) -> int:
    """Return an entry's mode: folders inherit setgid where they were made, so it is dropped as owners are.

    Raises:
        BadInput: It is a setuid or setgid file.
    """
    mode = header.mode & 0o7777
    if kind is Kind.FOLDER:
        return mode & ~_SET_ID
    if mode & _SET_ID and kind is Kind.FILE:
        raise refused(name, "is setuid or setgid", "let a script set such modes, or take them from a package")
    return mode


def mtime_of(header: tarfile.TarInfo, overrides: Mapping[str, str]) -> int:
    """Return an entry's time, as a file system can keep it."""
    try:
        mtime = math.floor(float(overrides["mtime"])) if "mtime" in overrides else int(header.mtime)
    except (ValueError, OverflowError):
        mtime = int(header.mtime)
    return min(max(0, mtime), _LATEST_MTIME)


def refused(name: str, why: str, resolution: str) -> BadInput:
    """Return the error that refuses an entry."""
    return BadInput(f"archive entry {shown(name)} {why}", resolution=resolution)
