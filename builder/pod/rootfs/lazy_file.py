"""A file that is there before its content: blocks that are read are fetched first, the rest when that is asked for.

It has its size from the beginning. A reader of a block that is missing waits until the block is fetched.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from builder.pod.space import MORE_SPACE, says_full, space_of
from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import PATIENCE, Patience
from builder.pod.transfer.ranges import Source, read_range

# What a reader waits for. Smaller blocks mean more requests, larger ones a later first byte.
BLOCK_BYTES = 1 << 20
# What one request asks for when all is fetched, and how many requests run at once.
_RUN_BLOCKS = 8
_CONNECTIONS = 4
# After a fetch failed, reads fail for this long without another request: the kernel repeats a failed read in pieces.
_FAILURE_COOLDOWN_SECONDS = 3.0

_MISSING, _FETCHING, _HERE = 0, 1, 2


class LazyFile:
    """A file whose content lies in S3, as far as it is not here yet.

    Args:
        source: Where it comes from.
        file: The file here; one that is there already is replaced.

    Raises:
        StepFailed: There is no space for it.
    """

    def __init__(self, source: Source, file: Path) -> None:
        """Make the file, with nothing in it."""
        self._source = source
        self._file = file
        _make(file, source.size)
        self._descriptor = os.open(file, os.O_RDONLY)
        self._blocks = bytearray(-(-source.size // BLOCK_BYTES))
        self._changed = threading.Condition()
        self._failure: tuple[float, TryAgain] | None = None

    def close(self) -> None:
        """Read no more; what is here stays."""
        os.close(self._descriptor)

    def is_here(self, offset: int, size: int) -> bool:
        """Return whether these bytes can be read without waiting."""
        return all(self._blocks[block] == _HERE for block in self._blocks_of(offset, size))

    def fetch(self, offset: int, size: int, patience: Patience = PATIENCE) -> None:
        """Fetch those of these bytes that are missing, and wait for those that other threads fetch.

        Raises:
            TryAgain: They cannot be fetched at the moment.
            StepFailed: They cannot be fetched.
        """
        blocks = self._blocks_of(offset, size)
        while missing := self._claim(blocks):
            self._fetch_blocks(missing, patience)

    def read(self, offset: int, size: int) -> bytes:
        """Return these bytes, fewer at the file's end; they must be here."""
        return os.pread(self._descriptor, size, offset)

    def read_from(self, offset: int) -> Iterator[bytes]:
        """Return the file from there to its end, in pieces, fetched by several connections.

        Raises:
            TryAgain: Some of it cannot be fetched at the moment.
            StepFailed: Some of it cannot be fetched.
        """
        step = _RUN_BLOCKS * BLOCK_BYTES
        offsets = range(offset, self._source.size, step)
        pool = ThreadPoolExecutor(_CONNECTIONS)
        try:
            for begin, _ in zip(offsets, pool.map(lambda each: self.fetch(each, step), offsets), strict=True):
                yield self.read(begin, step)
        finally:
            # A process that is to end does not wait for a server that is silent.
            pool.shutdown(wait=False, cancel_futures=True)

    def sync(self) -> None:
        """Write what is here to the disk."""
        os.fsync(self._descriptor)

    def _blocks_of(self, offset: int, size: int) -> range:
        end = min(offset + size, self._source.size)
        return range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES))

    def _claim(self, blocks: range) -> range:
        """Claim the first missing blocks, once no other thread fetches them; none when all are here."""
        with self._changed:
            while any(self._blocks[block] != _HERE for block in blocks):
                missing = [block for block in blocks if self._blocks[block] == _MISSING]
                if missing:
                    self._raise_during_cooldown()
                    end = missing[0]
                    while end in blocks and self._blocks[end] == _MISSING:
                        self._blocks[end] = _FETCHING
                        end += 1
                    return range(missing[0], end)
                self._changed.wait()
        return range(0)

    def _raise_during_cooldown(self) -> None:
        if self._failure is not None and time.monotonic() < self._failure[0] + _FAILURE_COOLDOWN_SECONDS:
            raise self._failure[1]

    def _fetch_blocks(self, blocks: range, patience: Patience) -> None:
        offset = blocks.start * BLOCK_BYTES
        size = min(blocks.stop * BLOCK_BYTES, self._source.size) - offset
        with self._marked_here(blocks):
            read_range(self._source, self._file, offset, size, patience=patience)

    @contextmanager
    def _marked_here(self, blocks: range) -> Iterator[None]:
        """Mark claimed blocks as here when the code block has run, as missing again when it fails."""
        state, failure = _MISSING, None
        try:
            yield
            state = _HERE
        except TryAgain as error:
            failure = (time.monotonic(), error)
            raise
        finally:
            with self._changed:
                self._failure = failure
                for block in blocks:
                    self._blocks[block] = state
                self._changed.notify_all()


def _make(file: Path, size: int) -> None:
    """Make a file of a size, with room for it where the file system can promise that."""
    file.unlink(missing_ok=True)
    # First: a reservation that does not fit fills the file system before it fails.
    if shutil.disk_usage(file.parent).free < size:
        raise _no_space(file, size)
    # Not posix_fallocate(3), which writes the whole file where the file system cannot.
    command = ["fallocate", "--length", str(size), str(file)]
    reserved = subprocess.run(command, capture_output=True, text=True, check=False)
    if reserved.returncode and says_full(reserved.stderr):
        file.unlink(missing_ok=True)
        raise _no_space(file, size)
    with file.open("ab") as made:
        made.truncate(size)


def _no_space(file: Path, size: int) -> StepFailed:
    return StepFailed(f"the rootfs has {size} bytes; {space_of(file.parent)}", advice=MORE_SPACE)
