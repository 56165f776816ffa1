"""Downloads: whole and proven, or nothing under the name."""

import hashlib
import os
import resource
from pathlib import Path

import pytest

from errors import Broken, Conflict, Corrupt, NotFound, Unreachable
from storage.s3.objects import ObjectStore
from tests.faults import Call, Fault, Faults

SIZE = 3_000_001
CONTENT = os.urandom(SIZE)
MD5 = hashlib.md5(CONTENT).hexdigest()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _is_get(call: Call) -> bool:
    return call.method == "GET"


def test_a_download_tells_size_and_checksums(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    etag = store.write(bucket, "k", CONTENT, metadata={"md5sum": MD5})
    progress: list[int] = []
    result = store.download(bucket, "k", tmp_path / "f", etag=etag, on_progress=progress.append)
    assert (result.size, result.md5, result.sha256) == (SIZE, MD5, hashlib.sha256(CONTENT).hexdigest())
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert sum(progress) == SIZE
    assert _names(tmp_path) == ["f"]


def test_an_empty_object_is_an_empty_file(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", b"")
    assert store.download(bucket, "k", tmp_path / "f").size == 0
    assert (tmp_path / "f").read_bytes() == b""


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
def test_a_download_survives(
    faulty_store: ObjectStore, proxy: Faults, bucket: str, tmp_path: Path, fault: Fault
) -> None:
    faulty_store.write(bucket, "k", CONTENT)
    proxy.plan(fault, when=_is_get)
    assert faulty_store.download(bucket, "k", tmp_path / "f").md5 == MD5
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.STALLED_BODY], ids=lambda fault: fault.name)
def test_a_broken_stream_goes_on_where_it_stopped(
    faulty_store: ObjectStore, proxy: Faults, bucket: str, tmp_path: Path, fault: Fault
) -> None:
    faulty_store.write(bucket, "k", CONTENT)
    proxy.plan(fault, when=_is_get, times=3)
    progress: list[int] = []
    assert faulty_store.download(bucket, "k", tmp_path / "f", on_progress=progress.append).md5 == MD5
    starts = [int(call.range.removeprefix("bytes=").rstrip("-") or 0) for call in proxy.calls if _is_get(call)]
    assert len(starts) == 4
    assert starts == sorted(starts)
    assert starts[1] > SIZE // 4
    assert sum(progress) == SIZE


def test_a_stream_that_never_brings_anything_is_given_up(
    faulty_store: ObjectStore, proxy: Faults, bucket: str, tmp_path: Path
) -> None:
    faulty_store.write(bucket, "k", b"1")
    proxy.plan(Fault.CUT_BODY, when=_is_get, times=100)
    with pytest.raises(Unreachable):
        faulty_store.download(bucket, "k", tmp_path / "f")
    assert _names(tmp_path) == []


def test_an_object_replaced_during_the_download_is_a_conflict(
    faulty_store: ObjectStore, store: ObjectStore, proxy: Faults, bucket: str, tmp_path: Path
) -> None:
    store.write(bucket, "k", CONTENT)
    proxy.plan(Fault.CUT_BODY, when=_is_get)

    def replace(_: Call) -> None:
        store.write(bucket, "k", CONTENT[::-1])

    proxy.plan(when=_is_get, before=replace)
    with pytest.raises(Conflict, match=f"s3://{bucket}/k"):
        faulty_store.download(bucket, "k", tmp_path / "f")
    assert _names(tmp_path) == []


def test_another_etag_than_the_records_is_a_conflict(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", CONTENT)
    with pytest.raises(Conflict, match=f"{MD5}, not 00"):
        store.download(bucket, "k", tmp_path / "f", etag="00")
    assert _names(tmp_path) == []


def test_content_that_is_not_what_its_metadata_says_is_corrupt(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", CONTENT, metadata={"md5sum": "0" * 32})
    (tmp_path / "f").write_text("former")
    with pytest.raises(Corrupt, match="0" * 32):
        store.download(bucket, "k", tmp_path / "f")
    assert (tmp_path / "f").read_text() == "former"
    assert _names(tmp_path) == ["f"]


def test_what_is_not_there_leaves_no_file(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        store.download(bucket, "nothing", tmp_path / "f")
    assert _names(tmp_path) == []


def test_the_leftover_of_a_killed_download_is_replaced(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", CONTENT)
    (tmp_path / ".f.part").write_bytes(b"left" * 1_000_000)
    store.download(bucket, "k", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert _names(tmp_path) == ["f"]


def test_two_downloads_never_write_one_file(
    faulty_store: ObjectStore, store: ObjectStore, proxy: Faults, bucket: str, tmp_path: Path
) -> None:
    store.write(bucket, "k", CONTENT)

    def second(_: Call) -> None:
        with pytest.raises(Conflict, match="another download"):
            store.download(bucket, "k", tmp_path / "f")

    proxy.plan(when=_is_get, after=second)
    assert faulty_store.download(bucket, "k", tmp_path / "f").md5 == MD5
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_folder_that_is_not_there_is_said(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", CONTENT)
    with pytest.raises(Broken, match="no-folder"):
        store.download(bucket, "k", tmp_path / "no-folder" / "f")


def test_a_file_that_cannot_grow_is_said_and_leaves_nothing(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    store.write(bucket, "k", CONTENT)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE - 1, limits[1]))
    try:
        with pytest.raises(Broken, match="File too large"):
            store.download(bucket, "k", tmp_path / "f")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _names(tmp_path) == []
