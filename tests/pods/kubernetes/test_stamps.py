from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pods.kubernetes.stamps import LONGEST_LINE_BYTES, StampedLines

START = datetime(2026, 11, 22, 12, tzinfo=UTC)

# A line: how much later than the one before it was written (two writers may disagree by a little), and its text.
LINES = st.lists(
    st.tuples(st.integers(min_value=-300, max_value=900), st.sampled_from([b"", b"a", b"a b", b"2026 x"])), max_size=40
)
# A connection: how many lines there are by then, after how many bytes it is cut, and in what blocks it comes.
CONNECTIONS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3000), st.integers(1, 97)), max_size=8)


def written(lines: Sequence[tuple[int, bytes]]) -> list[tuple[datetime, bytes]]:
    """Return the lines with the moments they were written at."""
    log, now = [], START
    for later, text in lines:
        now += timedelta(milliseconds=later)
        log.append((now, text))
    return log


def sent(log: Sequence[tuple[datetime, bytes]], since: datetime | None) -> bytes:
    """Return what a kubelet sends of a log."""
    return b"".join(
        f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + text + b"\n"
        for moment, text in log
        if since is None or moment >= since
    )


def feed(lines: StampedLines, stream: bytes, size: int) -> bytes:
    return b"".join(lines.feed(stream[at : at + size]) for at in range(0, len(stream), size))


@given(LINES, CONNECTIONS)
def test_no_line_is_lost_or_doubled_wherever_connections_are_cut(
    lines: list[tuple[int, bytes]], connections: list[tuple[int, int, int]]
) -> None:
    log, stamped, output = written(lines), StampedLines(), b""
    shown = 0
    for there, cut, size in [*connections, (len(log), 1 << 20, 7)]:
        # A log only grows.
        shown = max(shown, there)
        since = stamped.since
        stamped.begin_again()
        output += feed(stamped, sent(log[:shown], since)[:cut], size)
    assert output + stamped.end() == b"".join(text + b"\n" for _, text in log)


def test_lines_that_are_alike_all_count() -> None:
    moment = START + timedelta(seconds=1)
    stream = sent([(moment, b"same")] * 3, None)
    stamped = StampedLines()
    first = stamped.feed(stream[:-10])
    stamped.begin_again()
    assert first + stamped.feed(stream) == b"same\n" * 3


def test_after_a_rotation_of_the_log_nothing_new_is_dropped() -> None:
    old, new = (START, b"old"), (START, b"new")
    stamped = StampedLines()
    first = stamped.feed(sent([old, old], None))
    stamped.begin_again()
    # The file of before is gone, and with it what would have come again.
    assert first + stamped.feed(sent([new], stamped.since)) == b"old\nold\nnew\n"


def test_time_zones_of_nodes_do_not_matter() -> None:
    stamped = StampedLines()
    stamped.feed(b"2026-11-22T13:00:09.000000001+01:00 a\n")
    assert stamped.since == START + timedelta(seconds=7)


def test_a_last_line_without_a_line_break_is_kept_for_the_end() -> None:
    stamped = StampedLines()
    assert stamped.feed(b"2026-11-22T12:00:00.1Z whole\n2026-11-22T12:00:00.2Z half") == b"whole\n"
    assert stamped.end() == b"half"


@pytest.mark.parametrize("size", [1000, 1 << 16, 1 << 24], ids=str)
def test_a_line_without_end_comes_in_pieces_and_never_twice(size: int) -> None:
    text = b"x" * (2 * LONGEST_LINE_BYTES + 17)
    stream = sent([(START, text), (START, b"next")], None)
    stamped = StampedLines()
    first = feed(stamped, stream[: LONGEST_LINE_BYTES + 5000], 1 << 16)
    stamped.begin_again()
    assert first
    assert first + feed(stamped, stream, size) == text + b"\nnext\n"


def test_that_there_is_no_log_any_more_is_no_line_of_it() -> None:
    stamped = StampedLines()
    assert (
        stamped.feed(b"2026-11-22T12:00:00.1Z last\nunable to retrieve container logs for containerd://1") == b"last\n"
    )
    assert stamped.end() == b""


def test_what_has_no_stamp_is_shown_all_the_same() -> None:
    stamped = StampedLines()
    assert stamped.feed(b"failed to watch file: no space left\n") == b"failed to watch file: no space left\n"
