"""The object store against a real server, and against one in trouble."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import AnyHttpUrl, SecretStr

from config.settings import Settings
from errors import BadInput, Conflict, Denied, ImsError, NotFound, PermanentError, TransientError, Unreachable
from storage.s3.errors import BucketMissing
from storage.s3.objects import PART_BYTES, ObjectStore
from tests.faults import Fault, Faults

HOUR = timedelta(hours=1)


def test_an_object_reads_back_as_it_was_written(store: ObjectStore, bucket: str) -> None:
    etag = store.write(bucket, "a/b", b"content", content_type="text/x-test", metadata={"md5sum": "m"})
    body, info = store.read(bucket, "a/b")
    assert body == b"content"
    assert info == store.head(bucket, "a/b")
    assert (info.size, info.etag, info.metadata, info.content_type) == (7, etag, {"md5sum": "m"}, "text/x-test")
    assert info.uri == f"s3://{bucket}/a/b"


@pytest.mark.parametrize("key", ["with space", "ü/日本", "a+b&c=d?e#f%20", "quote'\"", "a//b"])
def test_odd_keys_are_keys(store: ObjectStore, bucket: str, key: str) -> None:
    store.write(bucket, key, b"1")
    assert store.read(bucket, key)[0] == b"1"
    assert httpx.get(store.presigned_get(bucket, key, HOUR)).content == b"1"
    store.delete(bucket, key)
    with pytest.raises(NotFound):
        store.head(bucket, key)


def test_what_is_not_there_is_named(store: ObjectStore, bucket: str) -> None:
    for call in (store.head, store.read):
        with pytest.raises(NotFound, match=f"s3://{bucket}/nothing"):
            call(bucket, "nothing")


def test_a_missing_bucket_is_never_a_missing_object(store: ObjectStore) -> None:
    calls = (
        lambda: store.read("no-such-bucket", "x"),
        lambda: store.write("no-such-bucket", "x", b""),
        lambda: store.delete("no-such-bucket", "x"),
        lambda: list(store.keys("no-such-bucket", "")),
    )
    for call in calls:
        with pytest.raises(BucketMissing, match="s3://no-such-bucket"):
            call()


def test_an_object_above_the_limit_is_not_read(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "large", b"x" * 100)
    assert len(store.read(bucket, "large", limit=100)[0]) == 100
    with pytest.raises(BadInput, match="100 bytes"):
        store.read(bucket, "large", limit=99)


def test_the_first_write_wins_when_asked_to(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "one", b"first", if_none_match=True)
    with pytest.raises(Conflict, match=f"s3://{bucket}/one"):
        store.write(bucket, "one", b"second", if_none_match=True)
    assert store.read(bucket, "one")[0] == b"first"


def test_a_conditional_write_fails_when_the_object_was_written_since(store: ObjectStore, bucket: str) -> None:
    first = store.write(bucket, "one", b"1")
    store.write(bucket, "one", b"2", if_match=first)
    with pytest.raises(Conflict):
        store.write(bucket, "one", b"3", if_match=first)
    with pytest.raises(Conflict):
        store.write(bucket, "none", b"3", if_match=first)
    assert store.read(bucket, "one")[0] == b"2"


def test_deleting_twice_is_a_success(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "gone", b"")
    store.delete(bucket, "gone")
    store.delete(bucket, "gone")
    assert list(store.keys(bucket, "")) == []


def test_keys_are_listed_over_more_than_one_page(store: ObjectStore, bucket: str) -> None:
    keys = [f"p/{number:04}" for number in range(1003)]
    for key in keys:
        store.write(bucket, key, b"")
    store.write(bucket, "q/other", b"")
    assert list(store.keys(bucket, "p/")) == keys


def test_a_bucket_is_made_once(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "kept", b"1")
    store.ensure_bucket(bucket)
    assert store.read(bucket, "kept")[0] == b"1"


def test_presigned_addresses_work_without_credentials_and_for_nothing_else(store: ObjectStore, bucket: str) -> None:
    put = store.presigned_put(bucket, "p", HOUR)
    assert httpx.put(put, content=b"by address").status_code == 200
    assert httpx.get(store.presigned_get(bucket, "p", HOUR)).content == b"by address"
    assert httpx.get(put).status_code == 403
    assert httpx.put(put.replace("/p?", "/q?"), content=b"x").status_code == 403
    assert httpx.get(put.partition("?")[0]).status_code == 403


@pytest.mark.parametrize("size", [0, 1000, PART_BYTES + 1], ids=["empty", "small", "in parts"])
def test_a_file_is_written_whole_with_its_md5(store: ObjectStore, bucket: str, tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * size)
    progress: list[int] = []
    info = store.write_file(
        bucket, "f", file, content_type="a/b", metadata={"x-shasta-ims-image-name": "ü"}, on_progress=progress.append
    )
    assert (info.size, info.content_type, info.metadata["x-shasta-ims-image-name"]) == (size, "a/b", "ü")
    assert sum(progress) == size
    result = store.download(bucket, "f", tmp_path / "back")
    assert (result.size, result.md5) == (size, info.metadata["md5sum"])
    assert (tmp_path / "back").read_bytes() == file.read_bytes()


def test_wrong_credentials_are_denied_and_the_variables_named(s3_settings: Settings, store: ObjectStore) -> None:
    wrong = ObjectStore(s3_settings.s3.model_copy(update={"secret_key": SecretStr("wrong")}))
    with pytest.raises(Denied, match="IMS_S3_SECRET_KEY"):
        wrong.read(s3_settings.bucket, "x")


def test_a_server_that_is_not_there_is_unreachable(s3_settings: Settings) -> None:
    nowhere = s3_settings.s3.model_copy(update={"endpoint_url": AnyHttpUrl("http://127.0.0.1:1"), "attempts": 2})
    with pytest.raises(Unreachable, match="s3://b/k"):
        ObjectStore(nowhere).head("b", "k")


@pytest.mark.expects_log("put invalid bucket name")
def test_a_request_the_server_refuses_is_not_tried_again(store: ObjectStore) -> None:
    with pytest.raises(PermanentError) as refusal:
        store.ensure_bucket("NO")
    assert not isinstance(refusal.value, TransientError)


FAULTS = list(Fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_read_survives(faulty_store: ObjectStore, proxy: Faults, bucket: str, fault: Fault) -> None:
    faulty_store.write(bucket, "k", b"x" * 5000)
    proxy.plan(fault)
    assert faulty_store.read(bucket, "k")[0] == b"x" * 5000
    assert [call.method for call in proxy.calls] == ["PUT", "GET", "GET"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if "body" not in fault.value], ids=lambda fault: fault.name
)
def test_a_write_survives(faulty_store: ObjectStore, proxy: Faults, bucket: str, fault: Fault) -> None:
    proxy.plan(fault)
    faulty_store.write(bucket, "k", b"x" * 100_000)
    assert [call.method for call in proxy.calls] == ["PUT", "PUT"]
    assert faulty_store.read(bucket, "k")[0] == b"x" * 100_000


@pytest.mark.parametrize("fault", [Fault.ANSWER_503, Fault.RESET, Fault.CUT_BODY], ids=lambda fault: fault.name)
def test_a_read_gives_up_after_the_configured_tries(
    faulty_store: ObjectStore, proxy: Faults, bucket: str, fault: Fault
) -> None:
    faulty_store.write(bucket, "k", b"x" * 5000)
    proxy.plan(fault, times=100)
    with pytest.raises(Unreachable, match=f"s3://{bucket}/k"):
        faulty_store.read(bucket, "k")
    assert len(proxy.calls) - 1 == faulty_store.attempts


def test_every_error_of_the_client_is_translated(faulty_settings: Settings, proxy: Faults, bucket: str) -> None:
    faulty_store = ObjectStore(faulty_settings.s3.model_copy(update={"attempts": 1}))
    proxy.plan(Fault.ANSWER_500, times=1000)
    calls = (
        lambda: faulty_store.check(),
        lambda: faulty_store.ensure_bucket(bucket),
        lambda: faulty_store.head(bucket, "k"),
        lambda: faulty_store.write(bucket, "k", b""),
        lambda: faulty_store.delete(bucket, "k"),
        lambda: list(faulty_store.keys(bucket, "")),
    )
    for call in calls:
        with pytest.raises(ImsError) as failure:
            call()
        assert isinstance(failure.value, Unreachable)
        assert failure.value.__cause__ is not None


def test_the_host_of_presigned_addresses_is_the_configured_one(store: ObjectStore, s3_settings: Settings) -> None:
    address = urlsplit(store.presigned_get("b", "k", HOUR))
    assert f"http://{address.netloc}" == s3_settings.s3.address()
