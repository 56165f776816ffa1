"""storage/moving/parts.py: the parts of an object whose server does not tell their sizes."""

from pathlib import Path

import pytest

from config.quantities import MiB
from storage.moving import parts
from storage.moving.parts import parts_of
from storage.s3.object_info import ObjectInfo
from storage.s3.originals import part_sums
from storage.s3.uploads import multipart_etag
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory


def made_of(stored: Stored, file: Path, sizes: list[int]) -> ObjectInfo:
    """Return what S3 would say of an object of these parts, but for their sizes."""
    file.write_bytes(b"".join(bytes([number]) * size for number, size in enumerate(sizes)))
    stored.store.write(stored.buckets[1], "x", b"")
    plain = stored.store.head(stored.buckets[1], "x")
    return ObjectInfo(**{**vars(plain), "size": sum(sizes), "etag": multipart_etag(part_sums(file, sizes))})


@pytest.mark.parametrize("sizes", [[5, 1], [5, 5], [8, 8, 3], [16], [5, 5, 5, 1], [7, 7, 6]])
def test_parts_of_a_usual_size_are_found_by_the_etag(
    stored: Stored, tmp_path: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [size * MiB for size in sizes]
    info = made_of(stored, tmp_path / "x", wanted)
    # As Ceph 16, where what is asked for is not heeded.
    monkeypatch.setattr(parts, "part_sizes", lambda _, of: [of.size])
    assert parts_of(stored.store, info, tmp_path / "x") == wanted


def test_parts_of_other_sizes_are_those_that_are_reported(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = made_of(stored, tmp_path / "x", [6 * MiB, 2 * MiB, 3 * MiB])
    monkeypatch.setattr(parts, "part_sizes", lambda _, of: [of.size])
    assert parts_of(stored.store, info, tmp_path / "x") == [11 * MiB]
