"""storage/s3/copies.py on the real S3 server."""

import os
import time

import pytest

from config.quantities import MiB
from errors import NotFound
from storage.s3.copies import copy, copy_in_parts, is_same, part_sizes
from storage.s3.metadata import to_headers
from storage.s3.objects import ObjectStore
from storage.s3.uploads import unfinished_uploads
from tests.faults import Call, Faults
from tests.objects_of_parts import rewrite_whole, write_parts

METADATA = {"md5sum": "m", "name": "ü" * 300}
BODY = os.urandom(12 << 20)


@pytest.fixture
def source(store: ObjectStore, bucket: str) -> str:
    """An object with a type, much metadata and a tag."""
    store.client.put_object(
        Bucket=bucket,
        Key="source",
        Body=BODY,
        ContentType="application/x-test",
        Metadata=to_headers(METADATA),
        Tagging="owner=me",
    )
    return "source"


def assert_copied(store: ObjectStore, bucket: str) -> None:
    body, info = store.read(bucket, "copy")
    assert body == BODY
    assert (info.content_type, info.metadata) == ("application/x-test", METADATA)
    tags = store.client.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"]
    assert tags == [{"Key": "owner", "Value": "me"}]


def test_a_copy_has_all_that_the_object_has(store: ObjectStore, bucket: str, source: str) -> None:
    known = store.head(bucket, source)
    made = copy(store, known, bucket, "copy")
    assert_copied(store, bucket)
    assert is_same(known, made)


def test_so_has_one_that_is_made_in_parts(store: ObjectStore, bucket: str, source: str) -> None:
    known = store.head(bucket, source)
    copy_in_parts(store, known, bucket, "copy", [5 * MiB, 5 * MiB, 2 * MiB])
    assert_copied(store, bucket)
    assert is_same(known, store.head(bucket, "copy"))


def test_a_copy_of_an_object_made_of_parts_has_its_etag(store: ObjectStore, bucket: str) -> None:
    known = write_parts(store, bucket, "source", [8 * MiB, 8 * MiB])
    assert known.etag.endswith("-2")
    assert copy(store, known, bucket, "copy").etag == known.etag


# Ceph 16 does not tell the sizes of parts, and needs none: see the test above.
@pytest.mark.embedded
def test_a_server_that_gives_whole_copies_another_etag_is_asked_for_the_same_parts(
    faulty_store: ObjectStore, store: ObjectStore, bucket: str, proxy: Faults
) -> None:
    known = write_parts(store, bucket, "source", [16 * MiB, 8 * MiB])
    assert part_sizes(store, known) == [16 * MiB, 8 * MiB]
    proxy.plan(when=is_whole_copy, after=lambda call: rewrite_whole(store, call.bucket, call.key))
    assert copy(faulty_store, known, bucket, "copy").etag == known.etag


def test_a_long_copy_is_waited_for(faulty_store: ObjectStore, store: ObjectStore, bucket: str, proxy: Faults) -> None:
    store.write(bucket, "source", bytes(40 * MiB))
    proxy.plan(when=is_whole_copy, before=lambda _: time.sleep(1.5))
    copy(faulty_store, store.head(bucket, "source"), bucket, "copy")
    assert len([call for call in proxy.calls if is_whole_copy(call)]) == 1


def is_whole_copy(call: Call) -> bool:
    return (call.method, call.key) == ("PUT", "copy") and not call.query


def test_what_is_gone_cannot_be_copied(store: ObjectStore, bucket: str, source: str) -> None:
    known = store.head(bucket, source)
    store.delete(bucket, source)
    with pytest.raises(NotFound):
        copy(store, known, bucket, "copy")
    with pytest.raises(NotFound):
        copy_in_parts(store, known, bucket, "copy", [12 * MiB])
    assert unfinished_uploads(store, bucket, "") == []
    assert list(store.keys(bucket, "copy")) == []


def test_another_object_is_not_the_same(store: ObjectStore, bucket: str, source: str) -> None:
    store.write(bucket, "other", BODY[:-1] + b"?", content_type="application/x-test")
    assert not is_same(store.head(bucket, source), store.head(bucket, "other"))
