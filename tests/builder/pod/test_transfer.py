"""Tests of builder/pod/transfer: documents, files and parts of files, against a server with faults."""

import hashlib
from pathlib import Path

import pytest

from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.objects import download, read, write
from builder.pod.transfer.slices import Slice, write_slice
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01, silence_seconds=0.5)

CONTENT = bytes(range(256)) * 20_000
FAULTS = ["500", "503", "429", "reset", "stall"]


def slice_of(file: Path, offset: int, size: int) -> Slice:
    file.write_bytes(CONTENT)
    return Slice(file, offset, size, hashlib.md5(CONTENT[offset : offset + size]).hexdigest())


@pytest.mark.parametrize("fault", [*FAULTS, "cut", "garbled"])
def test_a_download_is_tried_again(server: StandIn, tmp_path: Path, fault: str) -> None:
    server.objects["/context"] = CONTENT
    server.faults["/context"] = [fault, fault]
    download(server.url("/context"), tmp_path / "context", hashlib.sha256(CONTENT).hexdigest(), patience=QUICK)
    assert (tmp_path / "context").read_bytes() == CONTENT
    assert len(server.requests) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["context"]


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


def test_what_never_works_may_be_tried_again_later_and_nothing_is_left(server: StandIn, tmp_path: Path) -> None:
    server.faults["/context"] = ["503"] * QUICK.attempts
    with pytest.raises(TryAgain, match=f"failed {QUICK.attempts} times, at last: .* answered 503"):
        download(server.url("/context"), tmp_path / "context", "", patience=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_may_be_tried_again_later(server: StandIn) -> None:
    address = server.url("/result")
    server.shutdown()
    server.server_close()
    with pytest.raises(TryAgain, match="Connection refused"):
        write(address, b"{}", patience=QUICK)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_an_expired_address_is_said_at_once(server: StandIn, tmp_path: Path, kind: str) -> None:
    server.faults["/part"] = ["403"]
    part = slice_of(tmp_path / "rootfs", 0, 10 if kind == "small" else len(CONTENT))
    with pytest.raises(TryAgain, match=r"answered 403 .*has expired"):
        write_slice(server.url("/part"), part, patience=QUICK)
    assert len(server.requests) == 1


def test_a_refusal_fails_at_once(server: StandIn) -> None:
    with pytest.raises(StepFailed, match=r"answered 404 .*NoSuchKey"):
        read(server.url("/plan"), patience=QUICK)
    assert len(server.requests) == 1


def test_a_message_holds_no_signature(server: StandIn) -> None:
    server.faults["/plan"] = ["403"]
    with pytest.raises(TryAgain) as caught:
        read(server.url("/plan"), patience=QUICK)
    assert "secret" not in str(caught.value)


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


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="is no http address"):
        read("file:///etc/passwd", patience=QUICK)
