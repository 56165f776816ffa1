"""A pod's output as the API server sends it, every line after its time stamp: no line is lost, and none is doubled.

A connection that was lost is made again "since" a moment, which servers read to the second and kubelets to the file at
hand: some lines come again, and after a rotation of the log fewer than expected. So each line that may come again is
remembered with its stamp, to the nanosecond, and is dropped once for each time that it was taken.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

# A longer line is cut into pieces of this size: memory stays limited when a pod prints no line breaks.
LONGEST_LINE_BYTES = 1 << 20
# Outputs of one pod are stamped by two writers, and may be a little out of order.
DISORDER = timedelta(seconds=2)
# What a kubelet sends in place of the log of a container that is gone.
NO_LOG = b"unable to retrieve container logs for "


class StampedLines:
    """The lines of one pod over all connections."""

    def __init__(self) -> None:
        self._taken: dict[datetime, Counter[int]] = {}
        self._latest: datetime | None = None
        self.begin_again()

    @property
    def since(self) -> datetime | None:
        """Where the next connection should begin, in whole seconds; None at the log's beginning."""
        return self._latest - DISORDER if self._latest else None

    @property
    def unfinished(self) -> bytes:
        """The part of a line that was received without its end, with its stamp."""
        return self._rest

    def begin_again(self) -> None:
        """Expect a new connection. A line that was cut off is dropped: it is sent again whole."""
        self._again: Counter[int] = Counter()
        for lines in self._taken.values():
            self._again.update(lines)
        self._rest = b""
        self._stamp = b""
        self._piece = 0

    def feed(self, block: bytes) -> bytes:
        """Take a block and return the new output that is whole now, without stamps."""
        *lines, rest = (self._rest + block).split(b"\n")
        output: list[bytes] = []
        for line in lines:
            output += [*self._long(line), self._take(self._rest, end=b"\n")]
        # However the blocks come, a line is cut at the same places: what comes again is recognised.
        return b"".join([*output, *self._long(rest)])

    def end(self) -> bytes:
        """Take the log's end: what is left is a last line without a line break."""
        rest, self._rest = self._rest, b""
        return self._take(rest, end=b"") if rest else b""

    def _long(self, line: bytes) -> Iterator[bytes]:
        """Take the pieces of a line that is too long, and keep its rest."""
        while len(line) > LONGEST_LINE_BYTES:
            yield self._take(line[:LONGEST_LINE_BYTES], end=b"")
            line = line[LONGEST_LINE_BYTES:]
        self._rest = line

    def _take(self, line: bytes, *, end: bytes) -> bytes:
        """Return a line, or a piece of one, without its stamp; nothing when it was taken before."""
        text = line
        if not self._piece:
            stamp, _, stamped = line.partition(b" ")
            # A line without a stamp is not of the log: it is a message of the kubelet's own.
            self._stamp, text = (stamp, stamped) if _second(stamp) else (b"", line)
        key = hash((self._stamp, self._piece, text, end))
        self._piece = 0 if end else self._piece + 1
        if not self._stamp and text.startswith(NO_LOG):
            return b""
        if self._again[key]:
            self._again[key] -= 1
            return b""
        self._remember(key)
        return text + end

    def _remember(self, key: int) -> None:
        second = _second(self._stamp)
        if second is None:
            return
        if self._latest is None or second > self._latest:
            self._latest = second
            for old in [known for known in self._taken if known < second - DISORDER]:
                del self._taken[old]
        self._taken.setdefault(second, Counter())[key] += 1


def _second(stamp: bytes) -> datetime | None:
    """Return the second of a time stamp; None when it is not one."""
    try:
        return datetime.fromisoformat(stamp.decode("ascii")).astimezone(UTC).replace(microsecond=0)
    except ValueError:
        return None
