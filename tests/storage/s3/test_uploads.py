"""Uploads by presigned addresses: resumed, checked, completed once."""

import hashlib
import os
from datetime import timedelta

import httpx
import pytest

from config.settings import Settings
from errors import Corrupt, NotFound, TransientError, Unreachable
from storage.s3.objects import ObjectStore
from storage.s3.uploads import (
    PartSum,
    Upload,
    abort_upload,
    abort_uploads,
    complete_upload,
    missing_parts,
    multipart_etag,
    open_upload,
    presigned_parts,
    unfinished_uploads,
    uploaded_parts,
)
from tests.faults import Call, Fault, Faults

HOUR = timedelta(hours=1)
CONTENTS = {1: os.urandom(5 << 20), 2: os.urandom(5 << 20), 3: b"the last part may be small"}
WHOLE = b"".join(CONTENTS.values())
SUMS = [PartSum(number, len(content), hashlib.md5(content).hexdigest()) for number, content in CONTENTS.items()]
KEY = "image/rootfs"


def _open(store: ObjectStore, bucket: str, key: str = KEY) -> Upload:
    return open_upload(store, bucket, key, content_type="a/b", metadata={"md5sum": "m", "name": "ü"})


def _send(store: ObjectStore, upload: Upload, *numbers: int, content: bytes | None = None) -> None:
    for number, address in presigned_parts(store, upload, numbers, HOUR).items():
        httpx.put(address, content=content or CONTENTS[number], timeout=30).raise_for_status()


def test_an_object_appears_when_all_parts_are_there_and_not_before(store: ObjectStore, bucket: str) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 3, 1)
    with pytest.raises(TransientError, match="parts 2 "):
        complete_upload(store, upload, SUMS)
    assert list(store.keys(bucket, "")) == []
    _send(store, upload, 2)
    info = complete_upload(store, upload, SUMS[::-1])
    assert (info.size, info.etag, info.content_type) == (len(WHOLE), multipart_etag(SUMS), "a/b")
    assert info.metadata == {"md5sum": "m", "name": "ü"}
    assert store.read(bucket, KEY)[0] == WHOLE


def test_an_unfinished_upload_goes_on_with_the_parts_it_has(store: ObjectStore, bucket: str) -> None:
    first = _open(store, bucket)
    _send(store, first, 1, 2)
    again = _open(store, bucket)
    assert again == first
    held = uploaded_parts(store, again)
    assert {number: [(part.size, part.etag) for part in parts] for number, parts in held.items()} == {
        part.number: [(part.size, part.md5)] for part in SUMS[:2]
    }
    assert missing_parts(store, again, SUMS) == SUMS[2:]
    _send(store, again, 3)
    assert complete_upload(store, again, SUMS).size == len(WHOLE)


def test_of_several_unfinished_uploads_one_is_kept(store: ObjectStore, bucket: str) -> None:
    for _ in range(3):
        store.client.create_multipart_upload(Bucket=bucket, Key=KEY)
    longer = _open(store, bucket, f"{KEY}-longer")
    kept = _open(store, bucket)
    assert {upload.upload_id for upload in unfinished_uploads(store, bucket, "")} == {
        kept.upload_id,
        longer.upload_id,
    }


def test_a_part_that_is_not_what_was_sent_is_corrupt(store: ObjectStore, bucket: str) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 1, 3)
    _send(store, upload, 2, content=os.urandom(5 << 20))
    with pytest.raises(Corrupt, match="part 2"):
        complete_upload(store, upload, SUMS)
    assert list(store.keys(bucket, "")) == []


def test_a_part_of_another_size_is_corrupt(store: ObjectStore, bucket: str) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 1)
    with pytest.raises(Corrupt, match="part 1"):
        complete_upload(store, upload, [PartSum(1, 7, SUMS[0].md5)])


# The server lists both under one number, in an order that follows from their content.
@pytest.mark.parametrize("other", [bytes(5 << 20), b"x" * (5 << 20), b"2" * (5 << 20), b"3" * (5 << 20)])
def test_of_a_part_sent_twice_the_one_that_is_right_counts(store: ObjectStore, bucket: str, other: bytes) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 2, content=other)
    assert missing_parts(store, upload, SUMS) == SUMS
    _send(store, upload, 1, 2, 3)
    assert missing_parts(store, upload, SUMS) == []
    complete_upload(store, upload, SUMS)
    assert store.read(bucket, KEY)[0] == WHOLE


def test_completing_what_a_killed_run_completed_is_a_success(store: ObjectStore, bucket: str) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 1, 2, 3)
    assert complete_upload(store, upload, SUMS) == complete_upload(store, upload, SUMS)


def test_an_upload_that_is_gone_without_its_object_is_said(store: ObjectStore, bucket: str) -> None:
    upload = _open(store, bucket)
    _send(store, upload, 1, 2, 3)
    abort_upload(store, upload)
    with pytest.raises(NotFound, match="gone"):
        complete_upload(store, upload, SUMS)
    store.write(bucket, KEY, WHOLE)
    with pytest.raises(NotFound, match="another one"):
        complete_upload(store, upload, SUMS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [Fault.ANSWER_503, Fault.RESET, Fault.STALL, Fault.DONE_500, Fault.LOST_ANSWER],
    ids=lambda fault: fault.name,
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"], ids=["list parts", "complete", "head"])
def test_completing_survives(
    faulty_store: ObjectStore, proxy: Faults, store: ObjectStore, bucket: str, method: str, fault: Fault
) -> None:
    upload = _open(store, bucket)
    content = b"one small part"
    _send(store, upload, 1, content=content)
    proxy.plan(fault, when=lambda call: call.method == method)
    sums = [PartSum(1, len(content), hashlib.md5(content).hexdigest())]
    assert complete_upload(faulty_store, upload, sums).etag == multipart_etag(sums)
    assert sum(call.method == method for call in proxy.calls) >= 2
    assert store.read(bucket, KEY)[0] == content


def test_presigned_parts_go_through_a_proxy_and_survive_its_faults(
    faulty_store: ObjectStore, proxy: Faults, bucket: str
) -> None:
    upload = _open(faulty_store, bucket)
    address = presigned_parts(faulty_store, upload, [1], HOUR)[1]

    def is_part(call: Call) -> bool:
        return call.query.get("partNumber") == "1"

    proxy.plan(Fault.ANSWER_503, when=is_part)
    proxy.plan(Fault.LOST_ANSWER, when=is_part)
    assert httpx.put(address, content=CONTENTS[1]).status_code == 503
    with pytest.raises(httpx.TransportError):
        httpx.put(address, content=CONTENTS[1])
    assert {part.etag for part in uploaded_parts(faulty_store, upload)[1]} == {SUMS[0].md5}


def test_clean_up_gives_up_what_lies_below_a_prefix_and_nothing_else(store: ObjectStore, bucket: str) -> None:
    for key in ("a/rootfs", "a/kernel", "ab/rootfs"):
        _send(store, _open(store, bucket, key), 3)
    assert abort_uploads(store, bucket, "a/") == 2
    assert [upload.key for upload in unfinished_uploads(store, bucket, "")] == ["ab/rootfs"]
    assert abort_uploads(store, bucket, "a/") == 0
    assert abort_uploads(store, bucket, "") == 1


def test_an_upload_without_parts_is_a_mistake_of_the_caller(store: ObjectStore, bucket: str) -> None:
    with pytest.raises(ValueError, match="at least one part"):
        complete_upload(store, _open(store, bucket), [])


def test_a_server_in_trouble_is_unreachable(faulty_settings: Settings, proxy: Faults, bucket: str) -> None:
    faulty_store = ObjectStore(faulty_settings.s3.model_copy(update={"attempts": 1}))
    upload = _open(faulty_store, bucket)
    proxy.plan(Fault.ANSWER_503, times=1000)
    for call in (
        lambda: _open(faulty_store, bucket),
        lambda: uploaded_parts(faulty_store, upload),
        lambda: complete_upload(faulty_store, upload, SUMS),
        lambda: abort_upload(faulty_store, upload),
    ):
        with pytest.raises(Unreachable):
            call()
