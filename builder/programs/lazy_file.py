"""A file that is there before its content: what is read of it comes first, the rest when it is asked for.

It has its size from the beginning, and holes where nothing has come yet; who needs a hole waits for its blocks only.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from builder.programs.transfer import Source, read_range

# What a reader waits for. With less there are more requests, with more the first byte comes later.
BLOCK_BYTES = 1 << 20
# What one request asks for when all is fetched, and how many are on their way.
_RUN_BLOCKS = 8
_CONNECTIONS = 4

_MISSING, _COMING, _THERE = 0, 1, 2


class LazyFile:
    """A file whose content lies in S3, as far as it is not here yet.

    Args:
        source: Where it comes from.
        file: The file here; one that is there already is made anew.
    """

    def __init__(self, source: Source, file: Path) -> None:
        """Make the file, with nothing in it."""
        self._source = source
        self._file = file
        with file.open("wb") as made:
            made.truncate(source.size)
        self._descriptor = os.open(file, os.O_RDONLY)
        self._blocks = bytearray(-(-source.size // BLOCK_BYTES))
        self._changed = threading.Condition()

    def is_here(self, offset: int, size: int) -> bool:
        """Tell whether these bytes can be read without waiting."""
        return all(self._blocks[block] == _THERE for block in self._blocks_of(offset, size))

    def bring(self, offset: int, size: int) -> None:
        """Fetch those of these bytes that are not here, and wait for those that others fetch.

        Raises:
            TryAgain: They do not come at the moment.
            StepFailed: They cannot come.
        """
        blocks = self._blocks_of(offset, size)
        while missing := self._claim(blocks):
            self._fetch(missing)

    def read(self, offset: int, size: int) -> bytes:
        """Return these bytes, fewer at the file's end; they must be here."""
        return os.pread(self._descriptor, size, offset)

    def read_all(self) -> Iterator[bytes]:
        """Return the whole file from its beginning, in pieces, fetched by several connections.

        Raises:
            TryAgain: Some of it does not come at the moment.
            StepFailed: Some of it cannot come.
        """
        step = _RUN_BLOCKS * BLOCK_BYTES
        offsets = range(0, self._source.size, step)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for offset, _ in zip(offsets, pool.map(lambda begin: self.bring(begin, step), offsets), strict=True):
                yield self.read(offset, step)

    def _blocks_of(self, offset: int, size: int) -> range:
        end = min(offset + size, self._source.size)
        return range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES))

    def _claim(self, blocks: range) -> range:
        """Claim the first of these blocks that are missing, once nobody else fetches them; none when all are there."""
        with self._changed:
            while any(self._blocks[block] != _THERE for block in blocks):
                missing = [block for block in blocks if self._blocks[block] == _MISSING]
                if missing:
                    end = missing[0]
                    while end in blocks and self._blocks[end] == _MISSING:
                        self._blocks[end] = _COMING
                        end += 1
                    return range(missing[0], end)
                self._changed.wait()
        return range(0)

    def _fetch(self, blocks: range) -> None:
        offset = blocks.start * BLOCK_BYTES
        size = min(blocks.stop * BLOCK_BYTES, self._source.size) - offset
        with self._become(blocks):
            read_range(self._source, self._file, offset, size)

    @contextmanager
    def _become(self, blocks: range) -> Iterator[None]:
        """Mark claimed blocks as there when the block has run, or as missing again when it fails."""
        state = _MISSING
        try:
            yield
            state = _THERE
        finally:
            with self._changed:
                for block in blocks:
                    self._blocks[block] = state
                self._changed.notify_all()
