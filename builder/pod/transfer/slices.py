"""Parts of a file, uploaded on condition that the file is still what was packed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.pod.step import StepFailed
from builder.pod.transfer.attempts import PATIENCE, Fault, Patience, try_again_after_faults
from builder.pod.transfer.connection import CHUNK_BYTES, place, put


@dataclass(frozen=True)
class Slice:
    """A part of a file: where it begins, how long it is, and the md5 it must have."""

    file: Path
    offset: int
    size: int
    md5: str


def write_slice(
    url: str, part: Slice, *, on_bytes: Callable[[int], None] = lambda _: None, patience: Patience = PATIENCE
) -> None:
    """Store a part of a file, and check that the server has what the file should hold.

    Args:
        url: Takes the part.
        part: The part.
        on_bytes: Gets the number of bytes that were sent; a negative number when an attempt failed.
        patience: How often to try.

    Raises:
        TryAgain: The server did not take it within the attempts, or the URL has expired.
        StepFailed: The server refuses, or the file is no longer what it was.
    """

    def send() -> None:
        sent = _SentSlice(part, on_bytes)
        try:
            sent.compare(put(url, sent.chunks, part.size, patience.silence_seconds))
        except BaseException:
            on_bytes(-sent.size)
            raise

    what = f"upload of bytes {part.offset} and on of {part.file.name} to {place(url)}"
    try_again_after_faults(send, what, patience)


class _SentSlice:
    """What was sent of a slice in one attempt: counted and hashed while it is read."""

    def __init__(self, part: Slice, on_bytes: Callable[[int], None]) -> None:
        self._part = part
        self._on_bytes = on_bytes
        self._digest = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def chunks(self) -> Iterator[bytes]:
        """Read the slice, piece by piece."""
        with self._part.file.open("rb") as file:
            file.seek(self._part.offset)
            while chunk := file.read(min(self._part.size - self.size, CHUNK_BYTES)):
                self._digest.update(chunk)
                self.size += len(chunk)
                self._on_bytes(len(chunk))
                yield chunk
        if self.size != self._part.size:
            raise StepFailed(f"{self._part.file.name} is shorter than when it was packaged")

    def compare(self, etag: str) -> None:
        """Check that what was sent is what was packaged, and that the server has just that."""
        expected = self._part.md5
        if self._digest.hexdigest() != expected:
            raise StepFailed(f"{self._part.file.name} has changed since it was packaged")
        # Etags of encrypted objects are no md5 of the content: then only the md5 of what was sent is compared.
        if len(etag) == len(expected) and etag != expected:
            raise Fault(f"the server has md5 {etag} of it, not {expected}")
