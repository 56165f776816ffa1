"""builder/programs/slices.py: what is large comes whole, whatever becomes of its slices."""

import hashlib
from pathlib import Path

import pytest

from builder.programs import slices
from builder.programs.slices import download_in_slices
from builder.programs.step import StepFailed, TryAgain
from tests.builder.s3_stand_in import StandIn

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE_BYTES", 1000)


@pytest.mark.parametrize("faults", [[], ["503", "cut", "reset"]], ids=["all well", "faults that pass"])
def test_it_comes_whole(server: StandIn, tmp_path: Path, faults: list[str]) -> None:
    server.objects["/rootfs"], server.faults["/rootfs"] = CONTENT, [*faults]
    download_in_slices(server.url("/rootfs"), tmp_path / "rootfs", len(CONTENT), SHA256)
    assert (tmp_path / "rootfs").read_bytes() == CONTENT
    assert len(server.requests) == 11 + len(faults)
    assert [path.name for path in tmp_path.iterdir()] == ["rootfs"]


def test_without_a_checksum_it_is_taken_by_its_size(server: StandIn, tmp_path: Path) -> None:
    server.objects["/rootfs"] = CONTENT
    download_in_slices(server.url("/rootfs"), tmp_path / "rootfs", len(CONTENT), "")
    assert (tmp_path / "rootfs").read_bytes() == CONTENT


def test_another_content_is_not_taken(server: StandIn, tmp_path: Path) -> None:
    server.objects["/rootfs"] = CONTENT
    with pytest.raises(TryAgain, match="has another md5 than it should"):
        download_in_slices(server.url("/rootfs"), tmp_path / "rootfs", len(CONTENT), SHA256, algorithm="md5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [1, -1])
def test_an_object_of_another_size_is_refused(server: StandIn, tmp_path: Path, more: int) -> None:
    server.objects["/rootfs"] = CONTENT
    with pytest.raises(StepFailed, match=f"has {len(CONTENT)} bytes, not {len(CONTENT) + more}"):
        download_in_slices(server.url("/rootfs"), tmp_path / "rootfs", len(CONTENT) + more, "")
    assert list(tmp_path.iterdir()) == []
