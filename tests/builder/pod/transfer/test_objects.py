"""builder/pod/transfer/objects.py and attempts.py: documents and files, against a server with faults."""

import hashlib
from pathlib import Path

import pytest

from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.objects import download, read, write
from tests.builder.s3_stand_in import StandIn

QUICK = Patience(first_pause_seconds=0.01, silence_seconds=0.5)

CONTENT = bytes(range(256)) * 20_000
FAULTS = ["500", "503", "429", "reset", "stall"]


@pytest.mark.parametrize("fault", [*FAULTS, "cut", "garbled"])
def test_a_download_is_tried_again(server: StandIn, tmp_path: Path, fault: str) -> None:
    server.objects["/context"] = CONTENT
    server.faults["/context"] = [fault, fault]
    download(server.url("/context"), tmp_path / "context", hashlib.sha256(CONTENT).hexdigest(), patience=QUICK)
    assert (tmp_path / "context").read_bytes() == CONTENT
    assert len(server.requests) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["context"]


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


def test_a_refusal_fails_at_once(server: StandIn) -> None:
    with pytest.raises(StepFailed, match=r"answered 404 .*NoSuchKey"):
        read(server.url("/plan"), patience=QUICK)
    assert len(server.requests) == 1


def test_a_message_holds_no_signature(server: StandIn) -> None:
    server.faults["/plan"] = ["403"]
    with pytest.raises(TryAgain) as caught:
        read(server.url("/plan"), patience=QUICK)
    assert "secret" not in str(caught.value)


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="is not an http address"):
        read("file:///etc/passwd", patience=QUICK)
