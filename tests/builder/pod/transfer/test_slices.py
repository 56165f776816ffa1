"""builder/pod/transfer/slices.py and connection.py: parts of a file, against a server with faults."""

import hashlib
from pathlib import Path

import pytest

from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.objects import write
from builder.pod.transfer.slices import Slice, write_slice
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01, silence_seconds=0.5)

CONTENT = bytes(range(256)) * 20_000
FAULTS = ["500", "503", "429", "reset", "stall"]


def slice_of(file: Path, offset: int, size: int) -> Slice:
    file.write_bytes(CONTENT)
    return Slice(file, offset, size, hashlib.md5(CONTENT[offset : offset + size]).hexdigest())


@pytest.mark.parametrize("fault", [*FAULTS, "garbled"])
def test_an_upload_is_tried_again(server: StandIn, tmp_path: Path, fault: str) -> None:
    server.faults["/part"] = [fault, fault]
    seen: list[int] = []
    write_slice(
        server.url("/part"), slice_of(tmp_path / "rootfs", 1000, 2_000_000), on_bytes=seen.append, patience=QUICK
    )
    assert server.objects["/part"] == CONTENT[1000:2_001_000]
    assert len(server.requests) == 3
    assert sum(seen) == 2_000_000


@pytest.mark.parametrize("kind", ["small", "large"])
def test_an_expired_address_is_said_at_once(server: StandIn, tmp_path: Path, kind: str) -> None:
    server.faults["/part"] = ["403"]
    part = slice_of(tmp_path / "rootfs", 0, 10 if kind == "small" else len(CONTENT))
    with pytest.raises(TryAgain, match=r"answered 403 .*has expired"):
        write_slice(server.url("/part"), part, patience=QUICK)
    assert len(server.requests) == 1


def test_no_content_type_is_sent(server: StandIn, tmp_path: Path) -> None:
    write(server.url("/result"), b"{}", patience=QUICK)
    write_slice(server.url("/part"), slice_of(tmp_path / "rootfs", 0, 10), patience=QUICK)
    assert all("Content-Type" not in headers for headers in server.headers_seen)


def test_an_etag_that_is_no_md5_is_not_compared(server: StandIn, tmp_path: Path) -> None:
    server.faults["/part"] = ["encrypted"]
    write_slice(server.url("/part"), slice_of(tmp_path / "rootfs", 0, 10), patience=QUICK)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(CONTENT[::-1], "rootfs has changed since it was packaged"), (b"short", "rootfs is shorter than when")],
    ids=["other content", "less content"],
)
def test_a_file_that_changed_is_not_uploaded(server: StandIn, tmp_path: Path, content: bytes, reason: str) -> None:
    part = slice_of(tmp_path / "rootfs", 0, len(CONTENT))
    part.file.write_bytes(content)
    with pytest.raises(StepFailed, match=reason):
        write_slice(server.url("/part"), part, patience=QUICK)
