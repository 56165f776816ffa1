"""storage/s3/listings.py: what lies in a bucket, and how old it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from errors import Conflict
from storage.s3.errors import BucketMissing
from storage.s3.listings import SAME_MOMENT, Listing, listing, remove_listed
from storage.s3.objects import ObjectStore
from storage.s3.uploads import open_upload
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory


def test_a_bucket_is_listed_with_its_uploads(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "a/b", b"12345")
    store.write(bucket, "c", b"")
    upload = open_upload(store, bucket, "d", content_type="a/b", metadata={})
    found = listing(store, bucket)
    assert [(each.uri, each.size) for each in found.objects] == [(f"s3://{bucket}/a/b", 5), (f"s3://{bucket}/c", 0)]
    assert [each.upload_id for each in found.uploads] == [upload.upload_id]
    assert all(timedelta(0) <= found.age(each.modified) < timedelta(minutes=1) for each in found.objects)


def test_more_than_a_page_is_listed(store: ObjectStore, bucket: str) -> None:
    keys = [f"{number:04}" for number in range(1001)]
    for key in keys:
        store.write(bucket, key, b"")
    assert [each.key for each in listing(store, bucket).objects] == keys


def test_a_bucket_that_is_not_there_is_not_an_empty_one(store: ObjectStore) -> None:
    with pytest.raises(BucketMissing):
        listing(store, "other-bucket")


def test_no_age_is_below_zero(store: ObjectStore) -> None:
    taken = datetime(2026, 1, 1, tzinfo=UTC)
    found = Listing([], [], taken)
    assert found.age(taken - timedelta(hours=1)) == timedelta(hours=1)
    assert found.age(taken + timedelta(hours=1)) == timedelta(0)


def test_an_object_is_removed_and_one_that_is_gone_is_a_success(store: ObjectStore, bucket: str) -> None:
    store.write(bucket, "a", b"1")
    (listed,) = listing(store, bucket).objects
    for _ in range(2):
        remove_listed(store, listed)
        assert list(store.keys(bucket, "")) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_an_object_of_another_time_or_size_is_left(store: ObjectStore, bucket: str, sign: int) -> None:
    store.write(bucket, "a", b"1")
    (listed,) = listing(store, bucket).objects
    others = [
        replace(listed, size=2),
        replace(listed, modified=listed.modified + sign * (SAME_MOMENT + timedelta(seconds=1))),
    ]
    for other in others:
        with pytest.raises(Conflict, match="was written again just now"):
            remove_listed(store, other)
    assert list(store.keys(bucket, "")) == ["a"]
    remove_listed(store, replace(listed, modified=listed.modified + sign * SAME_MOMENT / 2))
    assert list(store.keys(bucket, "")) == []
