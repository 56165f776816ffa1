"""builder/pod/rootfs/rootfs.py: a rootfs gets its name once it is whole and has the right checksum."""

import hashlib
from pathlib import Path

import pytest

from builder.pod.rootfs.rootfs import Rootfs, download
from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.ranges import Source
from tests.builder.s3_stand_in import StandIn

CONTENT = b"hsqs" + bytes(range(256)) * 40
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def rootfs(server: StandIn, checksum: str = "", size: int = len(CONTENT)) -> Rootfs:
    server.objects["/rootfs"] = CONTENT
    return Rootfs(Source(server.url("/rootfs"), size), checksum)


@pytest.mark.parametrize("checksum", [SHA256, f"md5:{hashlib.md5(CONTENT).hexdigest()}", ""])
def test_it_is_downloaded_whole(server: StandIn, tmp_path: Path, checksum: str) -> None:
    download(rootfs(server, checksum), tmp_path / "rootfs")
    assert (tmp_path / "rootfs").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["rootfs"]


def test_one_that_is_there_is_not_fetched_again(server: StandIn, tmp_path: Path) -> None:
    (tmp_path / "rootfs").write_bytes(CONTENT)
    download(rootfs(server), tmp_path / "rootfs")
    assert server.requests == []


def test_a_link_that_a_killed_pod_has_left_is_none(server: StandIn, tmp_path: Path) -> None:
    (tmp_path / "rootfs").symlink_to(tmp_path / "nowhere")
    download(rootfs(server), tmp_path / "rootfs")
    assert not (tmp_path / "rootfs").is_symlink()
    assert (tmp_path / "rootfs").read_bytes() == CONTENT


def test_another_content_is_not_taken(server: StandIn, tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match="has another md5 than it should"):
        download(rootfs(server, "md5:0123"), tmp_path / "rootfs")
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_not_taken(server: StandIn, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=f"has {len(CONTENT)} bytes, not 5"):
        download(rootfs(server, size=5), tmp_path / "rootfs")
    assert list(tmp_path.iterdir()) == []


def test_one_that_does_not_fit_is_refused_before_the_download(server: StandIn, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"bytes; of [\d.]+ GiB in the workspace [\d.]+ GiB are free"):
        download(rootfs(server, size=1 << 60), tmp_path / "rootfs")
    assert server.requests == []
