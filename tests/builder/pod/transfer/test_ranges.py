"""builder/pod/transfer/ranges.py: parts of an object into their places; an object that was replaced is refused."""

from pathlib import Path

import pytest

from builder.pod.step import TryAgain
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.ranges import Replaced, Source, read_range
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01, silence_seconds=0.5)
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of the object's size, with nothing in it."""
    (tmp_path / "file").write_bytes(bytes(len(CONTENT)))
    return tmp_path / "file"


@pytest.fixture
def source(server: StandIn) -> Source:
    server.objects["/rootfs"] = CONTENT
    return Source(server.url("/rootfs"), len(CONTENT), etag="abc")


@pytest.mark.parametrize("fault", ["", "500", "reset", "cut", "stall"])
def test_a_part_is_written_into_its_place_and_nothing_else(
    server: StandIn, source: Source, file: Path, fault: str
) -> None:
    server.faults["/rootfs"] = [fault] * bool(fault)
    read_range(source, file, 100, 5000, patience=QUICK)
    assert file.read_bytes() == bytes(100) + CONTENT[100:5100] + bytes(len(CONTENT) - 5100)
    assert server.headers_seen[0]["If-Match"] == '"abc"'
    assert len(server.requests) == 1 + bool(fault)


def test_an_object_that_was_replaced_is_refused_at_once(server: StandIn, source: Source, file: Path) -> None:
    server.faults["/rootfs"] = ["412"]
    with pytest.raises(Replaced, match="has another etag than abc by now"):
        read_range(source, file, 0, 10, patience=QUICK)
    assert len(server.requests) == 1


def test_an_object_of_another_size_is_refused(server: StandIn, file: Path) -> None:
    server.objects["/rootfs"] = CONTENT
    with pytest.raises(Replaced, match=f"has {len(CONTENT)} bytes, not 7"):
        read_range(Source(server.url("/rootfs"), 7), file, 0, 5, patience=QUICK)


def test_a_server_that_keeps_failing_may_be_tried_again_later(server: StandIn, source: Source, file: Path) -> None:
    server.faults["/rootfs"] = ["503"] * QUICK.attempts
    with pytest.raises(TryAgain, match=f"failed {QUICK.attempts} times"):
        read_range(source, file, 0, 10, patience=QUICK)
    assert file.read_bytes() == bytes(len(CONTENT))
