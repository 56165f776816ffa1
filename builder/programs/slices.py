"""Large objects, fetched in slices by several connections at a time; each slice is tried again by itself."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from builder.programs.step import TryAgain
from builder.programs.transfer import read_range

SLICE_BYTES = 16 << 20
_CONNECTIONS = 4


def download_in_slices(url: str, target: Path, size: int, digest: str, *, algorithm: str = "sha256") -> None:
    """Fetch an object of a known size, and check it before it gets its name.

    Args:
        url: Where it lies.
        target: Its name here.
        size: Its size in bytes.
        digest: The checksum that it must have, in hexadecimal; empty when nobody knows it.
        algorithm: What the checksum was made by.

    Raises:
        TryAgain: It was not handed over whole within the tries, or is another one.
        StepFailed: The server refuses, or there is no space left for it.
    """
    partial = target.with_name(f"{target.name}.part")
    try:
        partial.touch()
        received = hashlib.new(algorithm, usedforsecurity=False)
        # What has come is hashed while the rest is on its way.
        _fetch_all(url, partial, size, received.update if digest else _ignore)
        if digest and received.hexdigest() != digest:
            raise TryAgain(f"what came as {target.name} has another {algorithm} than it should")
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _fetch_all(url: str, file: Path, size: int, on_slice: Callable[[bytes], None]) -> None:
    def fetch(offset: int) -> tuple[int, int]:
        length = min(SLICE_BYTES, size - offset)
        read_range(url, file, offset, length, size)
        return offset, length

    # Without a buffer, which would hold what was not there yet.
    with ThreadPoolExecutor(_CONNECTIONS) as pool, file.open("rb", buffering=0) as written:
        for offset, length in pool.map(fetch, range(0, size, SLICE_BYTES)):
            written.seek(offset)
            on_slice(written.read(length))


def _ignore(_: bytes) -> None:
    pass
