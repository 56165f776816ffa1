"""Reads a tar archive header by header, with every size bounded before it is used.

`tarfile` itself is used for one 512-byte header at a time only: its reader keeps extended headers of any size in
memory, can loop endlessly on odd sizes, and raises errors of other classes than its own.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from errors import BadInput
from ingest.decompressed import Decompressed
from ingest.formats import ISO_MAGIC_AT, refuse_other_format
from ingest.limits import Limits
from ingest.names import shown
from ingest.pax import pax_records
from ingest.sparse import Piece, checked, is_sparse, old_map, pax_map
from ingest.tar_entry import LABEL, Entry, Kind, kind_of, mode_of, mtime_of, name_of, refused, size_of

BLOCK_BYTES = tarfile.BLOCKSIZE
# Four times the size of a name and a link target of PATH_MAX bytes each.
LONGEST_EXTENDED_HEADER_BYTES = 1 << 15
# Headers and padding of one entry at its most: three extended headers, each with a header of its own.
_OVERHEAD_BYTES = 4 * (LONGEST_EXTENDED_HEADER_BYTES + 2 * BLOCK_BYTES)
_CHUNK_BYTES = 1 << 20
_GNU_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_EXTENDED = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE, *_GNU_LONG}
# What a global header may not set: it would be one name, target, size or map for all entries.
_OF_ONE_ENTRY = ("path", "linkpath", "size", "GNU.sparse.")


class TarStream:
    """The entries of a tar archive, compressed or not, in order. `pieces` yields the content of the current entry."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """Read `file` from its start; `limits` bounds the number of entries and the sum of their sizes."""
        file.seek(0)
        self._data = Decompressed(file, limits.bytes + limits.entries * _OVERHEAD_BYTES)
        self._limits = limits
        self._headers = 0
        self._sum_bytes = 0
        self._left: list[Piece] = []
        self._for_all: dict[str, str] = {}
        self._place = "its first header, which takes 512 bytes in a tar archive"

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries, skipping the content that was not asked for.

        Raises:
            BadInput: Not a tar archive, damaged, truncated, more than the limits, or an entry of a refused kind.
        """
        while (entry := self._next_entry()) is not None:
            self._left = [(0, entry.size)] if entry.pieces is None else list(entry.pieces)
            yield entry
            for _ in self.pieces():
                pass
            self._data.exactly(-entry.stored_bytes % BLOCK_BYTES, self._place)
        if not self._data.rest_is_empty():
            raise BadInput("data follows the end of the archive", resolution="pack it as one tar archive")

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield the content of the entry that was yielded last, each piece with its place in the file."""
        left, self._left = self._left, []
        for begin, length in left:
            for at in range(begin, begin + length, _CHUNK_BYTES):
                yield at, self._data.exactly(min(_CHUNK_BYTES, begin + length - at), self._place)

    def digest(self) -> str:
        """Return a digest of the content of the entry that was yielded last, in place of its content."""
        found = hashlib.sha256()
        for at, piece in self.pieces():
            found.update(b"%d:%d:" % (at, len(piece)) + piece)
        return found.hexdigest()

    def _next_entry(self) -> Entry | None:
        overrides: dict[str, str] = {}
        seen: set[bytes] = set()
        while (found := self._next_header()) is not None:
            header, block = found
            if header.type == LABEL and not header.size:
                continue
            if header.type not in _EXTENDED:
                return self._entry(header, block, self._for_all | overrides)
            if header.type in seen:
                raise BadInput(
                    f"the archive has two extended headers of one kind in a row, after {self._place}",
                    resolution="pack it again with GNU tar",
                )
            seen.add(header.type)
            overrides |= self._extended(header)
        if seen - {tarfile.XGLTYPE}:
            raise BadInput(f"the archive is truncated: nothing follows {self._place}", resolution="upload it again")
        return None

    def _next_header(self) -> tuple[tarfile.TarInfo, bytes] | None:
        is_first = self._headers == 0
        block = self._first_block() if is_first else self._block(f"the header after {self._place}")
        if not block.strip(b"\0"):
            if is_first and (more := self._data.up_to(ISO_MAGIC_AT, self._place)).strip(b"\0"):
                raise self._not_tar(block + more)
            return None
        self._headers += 1
        # Each entry may have three extended headers of its own.
        if self._headers > 4 * self._limits.entries:
            raise _too_many(self._limits)
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape"), block
        except tarfile.HeaderError as error:
            if is_first:
                raise self._not_tar(block + self._data.up_to(ISO_MAGIC_AT, self._place)) from error
            raise BadInput(
                f"the archive has a damaged header after {self._place}: {error}", resolution="upload it again"
            ) from error

    def _first_block(self) -> bytes:
        block = self._data.up_to(BLOCK_BYTES, self._place)
        if len(block) < BLOCK_BYTES:
            refuse_other_format(block)
            raise BadInput(f"the archive is truncated: it ends within {self._place}", resolution="upload it again")
        return block

    def _not_tar(self, begin: bytes) -> BadInput:
        refuse_other_format(begin)
        return BadInput("the archive is not a tar archive", resolution="pack it: tar -C FOLDER -czf ARCHIVE .")

    def _block(self, place: str) -> bytes:
        return self._data.exactly(BLOCK_BYTES, place)

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
        if header.type != tarfile.XGLTYPE:
            return records
        for key in records:
            if key.startswith(_OF_ONE_ENTRY):
                raise BadInput(
                    f"the archive sets {shown(key)} of all entries that follow, in {place}",
                    resolution="pack it again with GNU tar",
                )
        self._for_all |= {key: value for key, value in records.items() if key == "mtime"}
        return {}

    def _entry(self, header: tarfile.TarInfo, block: bytes, overrides: dict[str, str]) -> Entry:
        name = name_of(header, block, overrides)
        self._place = f"entry {shown(name)}"
        stored_bytes = size_of(header, name, overrides)
        kind = kind_of(header, name, stored_bytes)
        size, pieces = self._layout(header, block, overrides, stored_bytes, name)
        self._sum_bytes += size
        if self._sum_bytes > self._limits.bytes:
            raise BadInput(
                f"the archive unpacks to more than {self._limits.bytes} bytes, reached with entry {shown(name)}",
                resolution="make it smaller, or raise IMS_RECIPE_BYTES",
            )
        return Entry(
            name=name,
            kind=kind,
            mode=mode_of(header, kind, name),
            size=size,
            target=overrides.get("linkpath", header.linkname),
            mtime=mtime_of(header, overrides),
            pieces=pieces,
        )

    def _layout(
        self, header: tarfile.TarInfo, block: bytes, overrides: dict[str, str], stored_bytes: int, name: str
    ) -> tuple[int, tuple[Piece, ...] | None]:
        """Return a file's size, and where its stored bytes belong if it is sparse."""
        if header.type == tarfile.GNUTYPE_SPARSE:
            size, pieces = old_map(block, lambda count: self._data.exactly(count, self._place), name)
            return size, checked(size, pieces, stored_bytes, name)
        if not is_sparse(overrides):
            return stored_bytes, None
        if kind_of(header, name, stored_bytes) is not Kind.FILE:
            raise refused(name, "is a sparse file, and is none", "pack it again with GNU tar")
        size, pieces, map_bytes = pax_map(overrides, lambda count: self._data.exactly(count, self._place), name)
        return size, checked(size, pieces, stored_bytes - map_bytes, name)


def _too_many(limits: Limits) -> BadInput:
    return BadInput(
        f"the archive holds more than {limits.entries} entries",
        resolution="make it smaller, or raise IMS_RECIPE_ENTRIES",
    )
