"""Tests of builder/pod/checksums.py."""

import hashlib
from pathlib import Path

import pytest

from builder.pod.checksums import MOST_PARTS, SMALLEST_PART_BYTES, MiB, measure, part_size_bytes


@pytest.mark.parametrize(
    ("size", "part_size"),
    [
        (0, 16 * MiB),
        (1000 * 16 * MiB, 16 * MiB),
        (1000 * 16 * MiB + 1, 17 * MiB),
        (5 << 40, 5243 * MiB),
    ],
    ids=["nothing", "as many of the smallest as there may be", "a byte more", "5 TiB, the largest object of S3"],
)
def test_parts_are_as_small_as_their_number_allows(size: int, part_size: int) -> None:
    assert part_size_bytes(size) == part_size
    assert -(-size // part_size) <= MOST_PARTS


def test_one_reading_gives_the_checksums_of_the_file_and_of_its_parts(tmp_path: Path) -> None:
    content = bytes(range(256)) * (SMALLEST_PART_BYTES // 256) + b"the rest"
    (tmp_path / "rootfs").write_bytes(content)
    artifact = measure(tmp_path / "rootfs")
    assert (artifact.name, artifact.size, artifact.part_size) == ("rootfs", len(content), SMALLEST_PART_BYTES)
    assert artifact.md5 == hashlib.md5(content).hexdigest()
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    first, rest = content[:SMALLEST_PART_BYTES], content[SMALLEST_PART_BYTES:]
    assert [(part.number, part.size, part.md5) for part in artifact.parts] == [
        (1, len(first), hashlib.md5(first).hexdigest()),
        (2, len(rest), hashlib.md5(rest).hexdigest()),
    ]


@pytest.mark.parametrize("size", [0, 5, SMALLEST_PART_BYTES], ids=["empty", "small", "just full"])
def test_a_file_of_one_part_has_the_parts_checksum(tmp_path: Path, size: int) -> None:
    (tmp_path / "boot_parameters").write_bytes(b"x" * size)
    artifact = measure(tmp_path / "boot_parameters")
    assert [(part.number, part.size, part.md5) for part in artifact.parts] == [(1, size, artifact.md5)]
