"""storage/deletion/moves.py on the real S3 server; tests/tasks/test_deletions.py cuts moves at every call."""

from typing import TYPE_CHECKING

import pytest

from errors import Conflict, NotFound
from storage.deletion.moves import carry_out, remove_all, replaced
from storage.models.records import Move
from storage.s3.objects import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import TagTypeDef


@pytest.fixture
def move(store: ObjectStore, bucket: str) -> Move:
    """The move of an object that is there."""
    etag = store.write(bucket, "here", b"content")
    return Move(source=f"s3://{bucket}/here", target=f"s3://{bucket}/there", etag=etag, size=7)


def test_an_object_is_moved_once_however_often(store: ObjectStore, bucket: str, move: Move) -> None:
    for _ in range(2):
        carry_out(store, move)
        assert list(store.keys(bucket, "")) == ["there"]
    carry_out(store, move.back)
    assert list(store.keys(bucket, "")) == ["here"]


def test_a_move_that_was_cut_off_after_its_copy_is_finished(store: ObjectStore, bucket: str, move: Move) -> None:
    store.write(bucket, "there", b"content")
    carry_out(store, move)
    assert list(store.keys(bucket, "")) == ["there"]


def test_tags_that_a_cut_off_copy_had_not_yet_come_along(store: ObjectStore, bucket: str, move: Move) -> None:
    tags: list[TagTypeDef] = [{"Key": "owner", "Value": "me"}]
    store.client.put_object_tagging(Bucket=bucket, Key="here", Tagging={"TagSet": tags})
    store.write(bucket, "there", b"content")
    carry_out(store, move)
    assert store.client.get_object_tagging(Bucket=bucket, Key="there")["TagSet"] == tags


def test_nothing_is_overwritten(store: ObjectStore, bucket: str, move: Move) -> None:
    store.write(bucket, "there", b"another")
    with pytest.raises(Conflict, match="is taken by another object"):
        carry_out(store, move)
    assert [store.read(bucket, key)[0] for key in ("here", "there")] == [b"content", b"another"]


def test_an_object_that_was_replaced_is_not_moved(store: ObjectStore, bucket: str, move: Move) -> None:
    store.write(bucket, "here", b"replaced")
    with pytest.raises(Conflict, match="was replaced"):
        carry_out(store, move)
    assert store.find(move.target) is None


def test_an_object_that_is_nowhere_is_said(store: ObjectStore, bucket: str, move: Move) -> None:
    store.delete(bucket, "here")
    with pytest.raises(NotFound, match="is gone"):
        carry_out(store, move)


def test_only_what_was_moved_is_removed(store: ObjectStore, bucket: str, move: Move) -> None:
    carry_out(store, move)
    assert remove_all(store, [move, move]) == []
    assert list(store.keys(bucket, "")) == []
    store.write(bucket, "there", b"another")
    assert replaced(store, [move]) == [move.target]
    assert remove_all(store, [move]) == [move.target]
    assert list(store.keys(bucket, "")) == ["there"]
