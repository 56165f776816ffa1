"""The checksums of an artifact and of its parts for a multipart upload, from one reading of the file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from builder.contract.package import PackedArtifact, PackedPart

MiB = 1 << 20
# S3 allows 10,000 parts of at least 5 MiB each; larger and fewer ones cost less and still spread over connections.
SMALLEST_PART_BYTES = 16 * MiB
MOST_PARTS = 1000
_CHUNK_BYTES = MiB


def part_size_bytes(size: int) -> int:
    """Return how large the parts of a file of `size` bytes are: whole MiB, at least 16 of them, at most 1,000 parts."""
    whole_mib = -(-size // (MOST_PARTS * MiB)) * MiB
    return max(SMALLEST_PART_BYTES, whole_mib)


def measure(file: Path) -> PackedArtifact:
    """Read a file once and return its checksums and parts; an empty file is one empty part."""
    size = file.stat().st_size
    part_size = part_size_bytes(size)
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    parts = []
    with file.open("rb") as content:
        for number in range(1, max(1, -(-size // part_size)) + 1):
            part_md5 = hashlib.md5(usedforsecurity=False)
            length = 0
            for chunk in _chunks(content, part_size):
                for digest in (md5, sha256, part_md5):
                    digest.update(chunk)
                length += len(chunk)
            parts.append(PackedPart(number, length, part_md5.hexdigest()))
    return PackedArtifact(file.name, size, md5.hexdigest(), sha256.hexdigest(), part_size, tuple(parts))


def _chunks(content: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left and (chunk := content.read(min(left, _CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk
