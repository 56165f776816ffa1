"""builder/pod/rootfs/lazy_file.py: what is read is fetched first, nothing is fetched twice, and readers wait."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builder.pod.rootfs import lazy_file
from builder.pod.rootfs.lazy_file import LazyFile
from builder.pod.step import StepFailed, TryAgain
from builder.pod.transfer.ranges import Source
from tests.builder.s3_stand_in import StandIn

CONTENT = bytes(range(256)) * 41
BLOCKS = -(-len(CONTENT) // 1000)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_file, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(lazy_file, "_FAILURE_COOLDOWN_SECONDS", 0)


@pytest.fixture
def lazy(server: StandIn, tmp_path: Path) -> LazyFile:
    server.objects["/rootfs"] = CONTENT
    return LazyFile(Source(server.url("/rootfs"), len(CONTENT)), tmp_path / "rootfs")


def read(lazy: LazyFile, offset: int, size: int) -> bytes:
    lazy.fetch(offset, size)
    assert lazy.is_here(offset, size)
    return lazy.read(offset, size)


def ranges(server: StandIn) -> list[str]:
    return [seen["Range"] for seen in server.headers_seen]


def test_it_has_its_size_before_its_content(lazy: LazyFile, server: StandIn, tmp_path: Path) -> None:
    assert (tmp_path / "rootfs").stat().st_size == len(CONTENT)
    assert not lazy.is_here(0, 1)
    assert server.requests == []


@pytest.mark.parametrize(
    ("offset", "size", "asked"),
    [
        (0, 1, "0-999"),
        (999, 2, "0-1999"),
        (2500, 500, "2000-2999"),
        (len(CONTENT) - 1, 100, "10000-10495"),
        (10_400, 4096, "10000-10495"),
    ],
)
def test_what_is_read_is_fetched_by_whole_blocks(
    lazy: LazyFile, server: StandIn, offset: int, size: int, asked: str
) -> None:
    assert read(lazy, offset, size) == CONTENT[offset : offset + size]
    assert read(lazy, offset, size) == CONTENT[offset : offset + size]
    assert ranges(server) == [f"bytes={asked}"]


def test_only_what_is_missing_is_fetched(lazy: LazyFile, server: StandIn) -> None:
    read(lazy, 2000, 1)
    assert read(lazy, 0, 5000) == CONTENT[:5000]
    assert ranges(server) == ["bytes=2000-2999", "bytes=0-1999", "bytes=3000-4999"]


@pytest.mark.parametrize("faults", [[], ["503", "cut", "reset"]], ids=["all well", "faults that pass"])
def test_the_rest_is_fetched_once(lazy: LazyFile, server: StandIn, faults: list[str]) -> None:
    read(lazy, 4500, 1000)
    server.faults["/rootfs"] = [*faults]
    assert b"".join(lazy.read_from(0)) == CONTENT
    blocks = {block for asked in ranges(server) for block in blocks_of(asked)}
    assert blocks == set(range(BLOCKS))
    assert sum(len(blocks_of(asked)) for asked in set(ranges(server))) == BLOCKS


def blocks_of(asked: str) -> range:
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return range(int(first) // 1000, int(last) // 1000 + 1)


def test_many_readers_of_the_same_wait_for_one_request(lazy: LazyFile, server: StandIn) -> None:
    together = threading.Barrier(8)

    def one(offset: int) -> bytes:
        together.wait()
        return read(lazy, offset, 100)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(0, 800, 100))) == [CONTENT[at : at + 100] for at in range(0, 800, 100)]
    assert ranges(server) == ["bytes=0-999"]


def test_what_could_not_be_fetched_is_asked_for_again_by_the_next_reader(lazy: LazyFile, server: StandIn) -> None:
    server.faults["/rootfs"] = ["400"]
    with pytest.raises(StepFailed, match="answered 400"):
        lazy.fetch(0, 1)
    assert not lazy.is_here(0, 1)
    assert read(lazy, 0, 3) == CONTENT[:3]


def test_a_reader_that_waited_for_a_failed_fetch_does_not_ask_again(
    lazy: LazyFile, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_file, "_FAILURE_COOLDOWN_SECONDS", 60)
    server.faults["/rootfs"] = ["403"]
    together = threading.Barrier(4)

    def one(_: int) -> str:
        together.wait()
        with pytest.raises(TryAgain, match="answered 403"):
            lazy.fetch(0, 1)
        return "failed"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == ["failed"] * 4
    assert len(server.requests) == 1


def test_what_was_fetched_is_read_also_after_a_failure(
    lazy: LazyFile, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_file, "_FAILURE_COOLDOWN_SECONDS", 60)
    read(lazy, 0, 1)
    server.faults["/rootfs"] = ["403"]
    with pytest.raises(TryAgain):
        lazy.fetch(5000, 1)
    assert read(lazy, 0, 10) == CONTENT[:10]


def test_it_reserves_its_room(tmp_path: Path) -> None:
    LazyFile(Source("http://127.0.0.1:1/rootfs", 1 << 20), tmp_path / "rootfs")
    known = (tmp_path / "rootfs").stat()
    assert (known.st_size, known.st_blocks * 512 >= 1 << 20) == (1 << 20, True)


def test_without_room_for_it_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"bytes; of [\d.]+ GiB in the workspace [\d.]+ GiB are free"):
        LazyFile(Source("http://127.0.0.1:1/rootfs", 1 << 43), tmp_path / "rootfs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [1, -1])
def test_an_object_of_another_size_is_refused(server: StandIn, tmp_path: Path, more: int) -> None:
    server.objects["/rootfs"] = CONTENT
    other = LazyFile(Source(server.url("/rootfs"), len(CONTENT) + more), tmp_path / "rootfs")
    with pytest.raises(StepFailed, match=f"has {len(CONTENT)} bytes, not {len(CONTENT) + more}"):
        list(other.read_from(0))


def test_an_object_that_was_replaced_is_refused(server: StandIn, tmp_path: Path) -> None:
    server.objects["/rootfs"], server.faults["/rootfs"] = CONTENT, ["412"]
    other = LazyFile(Source(server.url("/rootfs"), len(CONTENT), etag="abc-2"), tmp_path / "rootfs")
    with pytest.raises(StepFailed, match="/rootfs has another etag than abc-2 by now"):
        other.fetch(0, 1)
    assert server.headers_seen[0]["If-Match"] == '"abc-2"'
