"""Decompresses an archive: reads exact amounts, up to a limit."""

import bz2
import gzip
import lzma
import re
import zlib
from typing import BinaryIO, cast

from errors import BadInput

_LONGEST_MAGIC = 10
# A level, and the magic of a first block or of the end: a tar archive may begin with a name like "BZh1".
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_CHUNK_BYTES = 1 << 16
_ZSTD_ADVICE = "compress it with gzip, bzip2 or xz: zstd -dc FILE | gzip > recipe.tgz"


class Decompressed:
    """A file's content, decompressed: gzip, bzip2, xz, or not compressed."""

    def __init__(self, file: BinaryIO, limit_bytes: int) -> None:
        """Read `file` from its current position; refuse more than `limit_bytes` of content."""
        self._limit_bytes = limit_bytes
        self._read_bytes = 0
        magic = file.read(_LONGEST_MAGIC)
        file.seek(-len(magic), 1)
        self._stream: BinaryIO = _decompressor(file, magic)

    def exactly(self, size: int, place: str) -> bytes:
        """Return the next `size` bytes.

        Args:
            size: How many bytes, few enough to be held in memory.
            place: The part of the archive that they belong to, for the message.

        Raises:
            BadInput: The archive ends earlier, is damaged, or holds more than the limit.
        """
        data = self._read(size, place)
        if len(data) < size:
            raise BadInput(f"the archive is truncated: it ends within {place}", resolution="upload it again")
        return data

    def up_to(self, size: int, place: str) -> bytes:
        """Return the next `size` bytes, fewer at the end of the archive; otherwise as `exactly`."""
        return self._read(size, place)

    def rest_is_empty(self) -> bool:
        """Read to the end, including checksums, and return whether only zero bytes were left."""
        while chunk := self._read(_CHUNK_BYTES, "the padding at its end"):
            if chunk.strip(b"\0"):
                return False
        return True

    def _read(self, size: int, place: str) -> bytes:
        try:
            data = self._stream.read(size)
        except EOFError as error:
            raise BadInput(
                f"the archive is truncated: its compressed data ends within {place}",
                resolution="upload it again",
            ) from error
        except (zlib.error, lzma.LZMAError) as error:
            raise _damaged(place, error) from error
        except OSError as error:
            # gzip and bz2 raise an OSError without errno for bad data; errors of the kernel have one.
            if error.errno is not None:
                raise
            raise _damaged(place, error) from error
        self._read_bytes += len(data)
        if self._read_bytes > self._limit_bytes:
            raise BadInput(
                f"the archive holds more than {self._limit_bytes} bytes, found in {place}",
                resolution="make it smaller, or raise IMS_RECIPE_BYTES",
            )
        return data


def _decompressor(file: BinaryIO, magic: bytes) -> BinaryIO:
    if magic.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if magic.startswith(b"\xfd7zXZ\0"):
        return cast("BinaryIO", lzma.LZMAFile(file))
    if _BZIP2.match(magic):
        return cast("BinaryIO", bz2.BZ2File(file))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        raise BadInput("the archive is compressed with zstd", resolution=_ZSTD_ADVICE)
    return file


def _damaged(place: str, error: Exception) -> BadInput:
    return BadInput(
        f"the archive's compressed data is damaged, found in {place}: {error}", resolution="upload it again"
    )
