"""Reads the maps of sparse files in a tar archive: GNU's old format, and its pax formats 0.0, 0.1 and 1.0.

GNU tar's manual describes them ("Storing Sparse Files"). The rule: the pieces of a file are in order, do not overlap,
end within its size, and are all that is stored of it.
"""

from collections.abc import Callable, Mapping

from errors import BadInput
from ingest.names import shown

Piece = tuple[int, int]
"""Where a piece begins in the file, and its length, bytes."""

BLOCK_BYTES = 512
_MOST_PIECES = 100_000
_LONGEST_NUMBER = 20
# The old format: where in the header, and in its extensions, the pieces are, how many, and whether one more follows.
_HEADER_MAP, _HEADER_PIECES, _HEADER_MORE, _HEADER_SIZE = 386, 4, 482, 483
_EXTENSION_PIECES, _EXTENSION_MORE = 21, 504
_FIELD_BYTES = 12
# The pax formats.
PREFIX = "GNU.sparse."
MAP = f"{PREFIX}map"
_OFFSET, _LENGTH = f"{PREFIX}offset", f"{PREFIX}numbytes"


def add_record(records: dict[str, str], key: str, value: str) -> None:
    """Keep a pax record; the repeated ones of format 0.0 become the map of format 0.1."""
    if key not in {_OFFSET, _LENGTH}:
        records[key] = value
        return
    numbers = records[MAP].split(",") if MAP in records else []
    if len(numbers) % 2 != (key == _LENGTH):
        raise BadInput("the map of a sparse file is out of order", resolution="pack it again without tar's --sparse")
    records[MAP] = ",".join([*numbers, value])


def is_sparse(records: Mapping[str, str]) -> bool:
    """Return whether pax records describe a sparse file."""
    return any(key.startswith(PREFIX) for key in records)


def pax_map(records: Mapping[str, str], read: Callable[[int], bytes], name: str) -> tuple[int, list[Piece], int]:
    """Return a sparse file's size, its pieces, and how many bytes of its content are the map.

    Args:
        records: The pax records of the entry.
        read: Reads the entry's content.
        name: The entry's name.

    Raises:
        BadInput: The map is not one.
    """
    version = records.get(f"{PREFIX}major"), records.get(f"{PREFIX}minor")
    if version == (None, None):
        numbers = [_number(text, name) for text in records.get(MAP, "").split(",") if text]
        return _number(records.get(f"{PREFIX}size"), name), _pieces(numbers, name), 0
    if version != ("1", "0"):
        raise _malformed(name, f"of the format {shown('.'.join(map(str, version)))}")
    numbers, map_bytes = _stored_map(read, name)
    return _number(records.get(f"{PREFIX}realsize"), name), _pieces(numbers, name), map_bytes


def old_map(block: bytes, read: Callable[[int], bytes], name: str) -> tuple[int, list[Piece]]:
    """Return a sparse file's size and its pieces in GNU's old format.

    Args:
        block: The entry's header.
        read: Reads what follows the header.
        name: The entry's name.

    Raises:
        BadInput: The map is not one.
    """
    fields = _fields(block[_HEADER_MAP:], _HEADER_PIECES)
    more = block[_HEADER_MORE]
    while more:
        if len(fields) > 2 * _MOST_PIECES:
            raise _too_many(name)
        extension = read(BLOCK_BYTES)
        fields += _fields(extension, _EXTENSION_PIECES)
        more = extension[_EXTENSION_MORE]
    numbers = [_binary_number(field, name) for field in fields]
    size = _binary_number(block[_HEADER_SIZE : _HEADER_SIZE + _FIELD_BYTES], name)
    return size, _pieces(numbers, name)


def checked(size: int, pieces: list[Piece], stored_bytes: int, name: str) -> tuple[Piece, ...]:
    """Return the pieces that are not empty.

    Raises:
        BadInput: They overlap, are out of order or outside of the file, or not what is stored.
    """
    end = 0
    for begin, length in pieces:
        if begin < end:
            raise _malformed(name, "whose pieces overlap")
        end = begin + length
    if end > size or sum(length for _, length in pieces) != stored_bytes:
        raise _malformed(name, "whose map does not fit its content")
    return tuple(piece for piece in pieces if piece[1])


def _stored_map(read: Callable[[int], bytes], name: str) -> tuple[list[int], int]:
    """Read the map of format 1.0: lines of decimal numbers at the begin of the content, filled up to whole blocks."""
    data, wanted = bytearray(), 1
    while data.count(b"\n") < wanted:
        if len(data) > _MOST_PIECES * 2 * (_LONGEST_NUMBER + 1):
            raise _too_many(name)
        data += read(BLOCK_BYTES)
        first, newline, _ = data.partition(b"\n")
        if len(first) > _LONGEST_NUMBER:
            raise _malformed(name, "whose map is not one")
        if newline:
            wanted = 1 + 2 * _number(first.decode("ascii", errors="replace"), name)
            if wanted > 2 * _MOST_PIECES:
                raise _too_many(name)
    lines = data.decode("ascii", errors="replace").split("\n")[1:wanted]
    return [_number(line, name) for line in lines], len(data)


def _fields(data: bytes, pieces: int) -> list[bytes]:
    fields = [data[at * _FIELD_BYTES :][:_FIELD_BYTES] for at in range(2 * pieces)]
    used = next((at for at in range(0, len(fields), 2) if not fields[at + 1].strip(b"\0")), len(fields))
    return fields[:used]


def _pieces(numbers: list[int], name: str) -> list[Piece]:
    if len(numbers) % 2:
        raise _malformed(name, "whose map is not one")
    if len(numbers) > 2 * _MOST_PIECES:
        raise _too_many(name)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _number(text: str | None, name: str) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
        raise _malformed(name, "whose map is not one")
    return int(text)


def _binary_number(field: bytes, name: str) -> int:
    """Read a number of a header: octal digits, or binary after a byte 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    text = field.strip(b" \0")
    if not text or text.strip(b"01234567"):
        raise _malformed(name, "whose map is not one")
    return int(text, 8)


def _malformed(name: str, why: str) -> BadInput:
    return BadInput(
        f"archive entry {shown(name)} is a sparse file {why}", resolution="pack it again without tar's --sparse"
    )


def _too_many(name: str) -> BadInput:
    return _malformed(name, f"of more than {_MOST_PIECES} pieces")
