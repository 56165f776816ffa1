"""ingest/limits.py: the limits of a small recipe grow with its archive, up to a bound."""

import pytest

from ingest.limits import Limits

SMALL = Limits(bytes=1 << 30, entries=100_000, memory_bytes=384 << 20, seconds=10)


@pytest.mark.parametrize(
    ("mebibytes", "seconds", "memory"), [(0, 10, 384), (1, 20, 385), (5, 60, 389), (30, 310, 414), (1000, 310, 768)]
)
def test_a_large_archive_has_more_time_and_memory(mebibytes: int, seconds: int, memory: int) -> None:
    limits = SMALL.of_archive(mebibytes << 20)
    assert (limits.seconds, limits.memory_bytes >> 20) == (seconds, memory)
    assert (limits.bytes, limits.entries) == (SMALL.bytes, SMALL.entries)


def test_a_busy_host_does_not_end_what_needs_little_of_it() -> None:
    assert SMALL.wall_seconds >= 10 * SMALL.seconds
