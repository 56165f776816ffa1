"""ingest/decompressed.py: exact amounts of an archive's content, up to a limit."""

import bz2
import errno
import gzip
import io
import lzma
from collections.abc import Callable

import pytest

from errors import BadInput
from ingest.decompressed import Decompressed

CONTENT = bytes(range(256)) * 40
FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "not compressed": bytes,
}
each_format = pytest.mark.parametrize("pack", FORMATS.values(), ids=FORMATS)
each_compression = pytest.mark.parametrize("pack", list(FORMATS.values())[:3], ids=list(FORMATS)[:3])


def reader(data: bytes, limit: int = 1 << 20) -> Decompressed:
    return Decompressed(io.BytesIO(data), limit)


def read_whole(stream: Decompressed) -> None:
    stream.exactly(len(CONTENT), "a file")
    assert stream.rest_is_empty()


@each_format
def test_exact_amounts_are_read(pack: Callable[[bytes], bytes]) -> None:
    stream = reader(pack(CONTENT + bytes(1000)))
    assert [stream.exactly(size, "x") for size in (10, 0, len(CONTENT) - 10)] == [CONTENT[:10], b"", CONTENT[10:]]
    assert stream.rest_is_empty()
    assert stream.rest_is_empty()


@each_format
def test_content_after_the_end_is_noticed(pack: Callable[[bytes], bytes]) -> None:
    assert not reader(pack(bytes(200_000) + b"x")).rest_is_empty()


@each_format
def test_an_archive_that_ends_too_early_is_truncated(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadInput, match="is truncated: it ends within the header"):
        reader(pack(CONTENT)).exactly(len(CONTENT) + 1, "the header")


@each_compression
def test_compressed_data_that_ends_too_early_is_truncated(pack: Callable[[bytes], bytes]) -> None:
    stream = reader(pack(CONTENT)[:-6])
    with pytest.raises(BadInput, match="compressed data ends within"):
        read_whole(stream)


@each_compression
def test_damaged_data_is_refused_with_its_place(pack: Callable[[bytes], bytes]) -> None:
    packed = bytearray(pack(CONTENT))
    for position in range(len(packed) // 2, len(packed) // 2 + 20):
        packed[position] ^= 0xFF
    stream = reader(bytes(packed))
    with pytest.raises(BadInput, match="data is damaged, found in"):
        read_whole(stream)


@each_format
def test_no_more_than_the_limit_is_read(pack: Callable[[bytes], bytes]) -> None:
    within = reader(pack(CONTENT), len(CONTENT))
    within.exactly(len(CONTENT), "a file")
    assert within.rest_is_empty()
    beyond = reader(pack(CONTENT), len(CONTENT) - 1)
    with pytest.raises(BadInput, match=f"more than {len(CONTENT) - 1} bytes, found in a file") as refusal:
        beyond.exactly(len(CONTENT), "a file")
    assert "IMS_RECIPE_BYTES" in refusal.value.resolution


def test_padding_counts_towards_the_limit() -> None:
    with pytest.raises(BadInput, match="found in the padding at its end"):
        reader(gzip.compress(bytes(1 << 20)), 1000).rest_is_empty()


def test_zstd_is_refused() -> None:
    with pytest.raises(BadInput, match="zstd") as refusal:
        reader(b"\x28\xb5\x2f\xfd and more")
    assert refusal.value.resolution == "compress it with gzip, bzip2 or xz: zstd -dc FILE | gzip > recipe.tgz"


def test_a_file_that_only_begins_like_bzip2_is_read_as_it_is() -> None:
    assert reader(b"BZh9 is a name").up_to(100, "x") == b"BZh9 is a name"


def test_a_file_is_read_from_its_position() -> None:
    file = io.BytesIO(b"before" + gzip.compress(CONTENT))
    file.seek(6)
    assert Decompressed(file, 1 << 20).exactly(len(CONTENT), "x") == CONTENT


def test_an_error_of_the_disk_is_not_blamed_on_the_archive() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(errno.EIO, "disk")
            return super().read(size)

    file = Broken(CONTENT)
    stream = Decompressed(file, 1 << 20)
    file.seek(1)
    with pytest.raises(OSError, match="disk"):
        stream.exactly(1, "x")
