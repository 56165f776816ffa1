"""storage/copies.py on the real S3 server."""

import os

import pytest

from errors import NotFound
from storage.copies import copy, copy_in_parts, is_same
from storage.metadata import to_headers
from storage.objects import ObjectStore

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
    copy_in_parts(store, known, bucket, "copy", part_bytes=5 << 20)
    assert_copied(store, bucket)
    assert is_same(known, store.head(bucket, "copy"))


def test_what_is_gone_cannot_be_copied(store: ObjectStore, bucket: str, source: str) -> None:
    known = store.head(bucket, source)
    store.delete(bucket, source)
    with pytest.raises(NotFound):
        copy(store, known, bucket, "copy")
    with pytest.raises(NotFound):
        copy_in_parts(store, known, bucket, "copy")
    assert list(store.keys(bucket, "copy")) == []


def test_another_object_is_not_the_same(store: ObjectStore, bucket: str, source: str) -> None:
    store.write(bucket, "other", BODY[:-1] + b"?", content_type="application/x-test")
    assert not is_same(store.head(bucket, source), store.head(bucket, "other"))
