"""Copies a pod's output into a file and to a watcher, line by line.

A log failure never fails the run: when the file cannot be written, that is said once and the pod goes on.
"""

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

logger = logging.getLogger(__name__)

# A longer line is cut into pieces of this size: memory stays limited when a pod prints no line breaks.
LONGEST_LINE_BYTES = 16 * 1024
TAIL_LINES = 30


class Lines:
    """Cuts a byte stream into lines, the same way however the stream arrives in blocks.

    Args:
        longest: Where a line is cut, in bytes.
    """

    def __init__(self, longest: int = LONGEST_LINE_BYTES) -> None:
        """Begin with nothing."""
        self._longest = longest
        self._rest = b""

    def feed(self, block: bytes) -> list[str]:
        """Return the lines that are whole now, without their line breaks."""
        *whole, self._rest = (self._rest + block).split(b"\n")
        lines = [piece for line in whole for piece in _pieces(line, self._longest)]
        while len(self._rest) > self._longest:
            lines.append(self._rest[: self._longest])
            self._rest = self._rest[self._longest :]
        return [_text(line) for line in lines]

    def end(self) -> list[str]:
        """Return the last line, when the stream did not end with a line break."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


class LogCopy:
    """The copy of one pod's output.

    While the pod runs, what `podman logs --follow` gives goes to the file and the watcher. At the end the whole
    output is read again (`begin_again`): the file is written again, the watcher gets the lines that it has not seen.
    """

    def __init__(self, file: Path, on_line: Callable[[str], None] | None = None) -> None:
        """Empty the file."""
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._path = file
        self._on_line = on_line
        self._reported = 0
        self._file: BinaryIO | None = None
        self.begin_again()

    def begin_again(self) -> None:
        """Expect the output from its beginning."""
        self.close()
        self.tail.clear()
        self._lines = Lines()
        self._seen = 0
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        except OSError as error:
            self._give_up(error)

    def feed(self, block: bytes) -> None:
        """Take the next block of output."""
        if self._file:
            try:
                self._file.write(block)
                self._file.flush()
            except OSError as error:
                self._give_up(error)
        self._report(self._lines.feed(block))

    def end(self) -> None:
        """Take the end of the output."""
        self._report(self._lines.end())

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError as error:
                self._give_up(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _report(self, lines: list[str]) -> None:
        for line in lines:
            self._seen += 1
            self.tail.append(line)
            if self._seen > self._reported:
                self._reported = self._seen
                if self._on_line:
                    self._on_line(line)

    def _give_up(self, error: OSError) -> None:
        self._file = None
        logger.warning("log file %s cannot be written: %s; the pod goes on without it", self._path, error)


def _pieces(line: bytes, size: int) -> list[bytes]:
    return [line[start : start + size] for start in range(0, len(line), size)] or [b""]


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")
