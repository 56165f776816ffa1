"""Reads a tar archive header by header, with every size bounded before it is used.

`tarfile` itself is used for one 512-byte header at a time only: its reader keeps extended headers of any size in
memory, can loop endlessly on odd sizes, and raises errors of other classes than its own.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from errors import BadInput
from ingest.decompressed import Decompressed
from ingest.limits import Limits
from ingest.names import shown
from ingest.pax import pax_records

BLOCK_BYTES = tarfile.BLOCKSIZE
# Four times the size of a name and a link target of PATH_MAX bytes each.
LONGEST_EXTENDED_HEADER_BYTES = 1 << 15
# Headers and padding of one entry at its most: three extended headers, each with a header of its own.
_OVERHEAD_BYTES = 4 * (LONGEST_EXTENDED_HEADER_BYTES + 2 * BLOCK_BYTES)
_CHUNK_BYTES = 1 << 20
_LATEST_MTIME = 1 << 33


class Kind(StrEnum):
    """What an entry becomes."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"


_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
}
_REFUSED = {
    tarfile.CHRTYPE: "is a character device",
    tarfile.BLKTYPE: "is a block device",
    tarfile.FIFOTYPE: "is a named pipe",
    tarfile.GNUTYPE_SPARSE: "is a sparse file",
    b"M": "continues from another volume",
    b"V": "is a volume label",
    b"D": "is an incremental backup's folder",
}
_GNU_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_EXTENDED = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE, *_GNU_LONG}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the archive: its name and target as the archive spells them, mode bits, sizes in bytes."""

    name: str
    kind: Kind
    mode: int
    size: int
    target: str
    mtime: int


class TarStream:
    """The entries of a tar archive, compressed or not, in order. `chunks` yields the content of the current entry."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """Read `file` from its start; `limits` bounds the number of entries and the sum of their sizes."""
        file.seek(0)
        self._data = Decompressed(file, limits.bytes + limits.entries * _OVERHEAD_BYTES)
        self._limits = limits
        self._headers = 0
        self._sum_bytes = 0
        self._left_bytes = 0
        self._place = "its first header, which takes 512 bytes in a tar archive"

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries, skipping the content that was not asked for.

        Raises:
            BadInput: Not a tar archive, damaged, truncated, more than the limits, or an entry of a refused kind.
        """
        while (entry := self._next_entry()) is not None:
            self._left_bytes = entry.size
            yield entry
            for _ in self.chunks():
                pass
            self._data.exactly(-entry.size % BLOCK_BYTES, self._place)
        if not self._data.rest_is_empty():
            raise BadInput("data follows the end of the archive", resolution="pack it as one tar archive")

    def chunks(self) -> Iterator[bytes]:
        """Yield the content of the entry that was yielded last."""
        while self._left_bytes:
            chunk = self._data.exactly(min(self._left_bytes, _CHUNK_BYTES), self._place)
            self._left_bytes -= len(chunk)
            yield chunk

    def _next_entry(self) -> Entry | None:
        overrides: dict[str, str] = {}
        seen: set[bytes] = set()
        while (header := self._next_header()) is not None:
            if header.type not in _EXTENDED:
                return self._entry(header, overrides)
            if header.type in seen:
                raise BadInput(
                    f"the archive has two extended headers of one kind in a row, after {self._place}",
                    resolution="pack it again with GNU tar",
                )
            seen.add(header.type)
            overrides |= self._extended(header)
        if seen:
            raise BadInput(f"the archive is truncated: nothing follows {self._place}")
        return None

    def _next_header(self) -> tarfile.TarInfo | None:
        block = self._data.exactly(
            BLOCK_BYTES, self._place if self._headers == 0 else f"the header after {self._place}"
        )
        if not block.strip(b"\0"):
            return None
        self._headers += 1
        # Each entry may have three extended headers of its own.
        if self._headers > 4 * self._limits.entries:
            raise _too_many(self._limits)
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if self._headers == 1:
                raise BadInput(
                    "the archive is not a tar archive", resolution="pack it: tar -C FOLDER -czf ARCHIVE ."
                ) from error
            raise BadInput(
                f"the archive has a damaged header after {self._place}: {error}", resolution="upload it again"
            ) from error

    def _extended(self, header: tarfile.TarInfo) -> dict[str, str]:
        """Read an extended header and return the fields that it overrides."""
        place = f"an extended header after {self._place}"
        if not 0 <= header.size <= LONGEST_EXTENDED_HEADER_BYTES:
            raise BadInput(
                f"the archive has an extended header of {header.size} bytes after {self._place},"
                f" more than {LONGEST_EXTENDED_HEADER_BYTES}",
                resolution="pack it again with GNU tar, without extended attributes",
            )
        data = self._data.exactly(header.size, place)
        self._data.exactly(-header.size % BLOCK_BYTES, place)
        self._place = place
        if (field := _GNU_LONG.get(header.type)) is not None:
            return {field: data.partition(b"\0")[0].decode(errors="surrogateescape")}
        records = pax_records(data, place)
        return {} if header.type == tarfile.XGLTYPE else records

    def _entry(self, header: tarfile.TarInfo, overrides: dict[str, str]) -> Entry:
        name = overrides.get("path", header.name)
        self._place = f"entry {shown(name)}"
        size = _size(overrides.get("size"), header, name)
        kind = _kind(header, name, size)
        self._sum_bytes += size
        if self._sum_bytes > self._limits.bytes:
            raise BadInput(
                f"the archive unpacks to more than {self._limits.bytes} bytes, reached with entry {shown(name)}",
                resolution="make it smaller, or raise IMS_RECIPE_BYTES",
            )
        mode = header.mode & 0o7777
        if mode & 0o6000:
            raise _refused(name, "is setuid or setgid", "let a script set such modes, or take them from a package")
        return Entry(
            name=name,
            kind=kind,
            mode=mode,
            size=size,
            target=overrides.get("linkpath", header.linkname),
            mtime=min(max(0, int(header.mtime)), _LATEST_MTIME),
        )


def _size(override: str | None, header: tarfile.TarInfo, name: str) -> int:
    if override is None:
        size = header.size
    elif override.isascii() and override.isdigit() and len(override) < len(str(1 << 64)):
        size = int(override)
    else:
        raise _refused(name, f"has the size {shown(override)}", "pack it again with GNU tar")
    if size < 0:
        raise _refused(name, f"has a size of {size} bytes", "pack it again with GNU tar")
    return size


def _kind(header: tarfile.TarInfo, name: str, size: int) -> Kind:
    why = _REFUSED.get(header.type)
    if why is not None:
        raise _refused(name, why, "remove it: only files, folders and links are accepted")
    kind = _KINDS.get(header.type)
    if kind is None:
        raise _refused(name, f"is of the unknown type {header.type!r}", "pack it again with GNU tar")
    if kind is not Kind.FILE and size:
        raise _refused(name, f"is a {kind} with content", "pack it again with GNU tar")
    if kind is Kind.FILE and name.endswith("/"):
        raise _refused(name, "is a file whose name ends with a slash", "pack it again with GNU tar")
    return kind


def _refused(name: str, why: str, resolution: str) -> BadInput:
    return BadInput(f"archive entry {shown(name)} {why}", resolution=resolution)


def _too_many(limits: Limits) -> BadInput:
    return BadInput(
        f"the archive holds more than {limits.entries} entries",
        resolution="make it smaller, or raise IMS_RECIPE_ENTRIES",
    )
