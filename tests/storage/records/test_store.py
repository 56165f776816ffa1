"""The record store: no update is lost, nothing unreadable hides or harms the rest."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from config.settings import Settings
from errors import BadInput, Conflict, Corrupt, NotFound, Unreachable
from storage.models.kinds import RecordKind
from storage.models.layout import records_key
from storage.models.records import Collection, Image
from storage.records.attempts import REMEMBERED_WRITERS
from storage.records.catalogue import Catalogue
from storage.records.store import Records
from storage.s3.errors import BucketMissing
from storage.s3.objects import ObjectStore
from tests.faults import Call, Fault, Faults

ID = "a0000000-0000-4000-8000-00000000001a"
NEIGHBOUR = "a0000000-0000-4000-8000-00000000002a"
KEY = records_key("images", "a")


@pytest.fixture
def images(store: ObjectStore, bucket: str) -> Records[Image]:
    return Records(store, bucket, RecordKind.IMAGE, Image)


@pytest.fixture
def faulty_images(faulty_store: ObjectStore, bucket: str) -> Records[Image]:
    return Records(faulty_store, bucket, RecordKind.IMAGE, Image, patience=timedelta(seconds=20))


def _counted(image: Image) -> Image:
    return image.model_copy(update={"metadata": {"count": str(int(image.metadata.get("count", "0")) + 1)}})


def _renamed(name: str) -> Callable[[Image], Image]:
    return lambda image: image.model_copy(update={"name": name})


def test_a_record_reads_back_as_it_was_made(images: Records[Image]) -> None:
    made = images.create(Image.model_validate({"name": "Größe", "metadata": {"k": "v"}, "future": {"x": [1, None]}}))
    assert images.get(made.id) == made
    assert images.get(made.id.upper()) == made
    assert images.get(f" {made.id}\n") == made
    assert made.model_dump()["future"] == {"x": [1, None]}
    assert "writers" not in made.model_dump()


def test_a_changed_record_is_another_and_its_other_fields_stay(images: Records[Image]) -> None:
    made = images.create(Image(name="before", metadata={"k": "v"}))
    changed = images.change(made.id, _renamed("after"))
    assert changed == made.model_copy(update={"name": "after"}) == images.get(made.id)


def test_a_change_that_changes_nothing_writes_nothing(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults
) -> None:
    made = images.create(Image(name="same"))
    assert faulty_images.change(made.id, _renamed("same")) == made
    assert [call.method for call in proxy.calls] == ["GET"]


def test_the_list_is_of_one_collection_and_sorted_by_age(images: Records[Image]) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    made = [images.create(Image(name=str(day), created=start - timedelta(days=day))) for day in range(20)]
    gone = images.create(Image(name="gone", collection=Collection.DELETED))
    assert images.list() == made[::-1]
    assert images.list(Collection.DELETED) == [gone]
    assert images.list(None) == [*made[::-1], gone]


def test_a_record_moves_between_collections_by_one_write(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults
) -> None:
    made = images.create(Image(name="i"))
    faulty_images.change(made.id, lambda image: image.model_copy(update={"collection": Collection.DELETED}))
    assert [call.method for call in proxy.calls] == ["GET", "PUT"]
    assert (images.list(), [image.id for image in images.list(Collection.DELETED)]) == ([], [made.id])


def test_the_same_id_twice_is_a_conflict(images: Records[Image]) -> None:
    made = images.create(Image(name="first"))
    with pytest.raises(Conflict, match=made.id):
        images.create(Image(id=made.id, name="second"))
    assert images.get(made.id) == made


@pytest.mark.parametrize("record_id", [ID, "", "x", "../../etc/passwd", "A0000000"])
def test_what_is_not_there_is_named(images: Records[Image], record_id: str) -> None:
    for call in (images.get, images.remove, lambda missing: images.change(missing, _counted)):
        with pytest.raises(NotFound, match="no image"):
            call(record_id)


def test_a_removed_record_is_gone_and_its_neighbour_stays(images: Records[Image]) -> None:
    images.create(Image(id=ID, name="going"))
    neighbour = images.create(Image(id=NEIGHBOUR, name="staying"))
    images.remove(ID)
    assert images.list() == [neighbour]
    with pytest.raises(NotFound):
        images.remove(ID)


def test_a_change_that_raises_leaves_the_record(images: Records[Image]) -> None:
    made = images.create(Image(name="i"))

    def refuse(_: Image) -> Image:
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        images.change(made.id, refuse)
    assert images.get(made.id) == made


def test_what_could_not_be_read_again_is_not_written(images: Records[Image]) -> None:
    made = images.create(Image(name="i"))
    with pytest.raises(BadInput, match="arch"):
        images.change(made.id, lambda image: image.model_copy(update={"arch": "pdp11"}))
    with pytest.raises(BadInput, match="name"):
        images.create(Image.model_construct(id=ID, name="two\nlines"))
    assert images.list(None) == [made]


def test_an_id_never_changes(images: Records[Image]) -> None:
    made = images.create(Image(name="i"))
    with pytest.raises(ValueError, match="ids never change"):
        images.change(made.id, lambda image: image.model_copy(update={"id": ID}))


def test_an_empty_store_has_no_records_and_a_missing_bucket_is_said(store: ObjectStore, bucket: str) -> None:
    assert Catalogue(store, bucket).jobs.list() == []
    with pytest.raises(BucketMissing, match="s3://no-such-bucket"):
        Catalogue(store, "no-such-bucket").jobs.list()


def test_kinds_are_apart(store: ObjectStore, bucket: str) -> None:
    catalogue = Catalogue(store, bucket)
    catalogue.images.create(Image(id=ID, name="i"))
    assert catalogue.recipes.list(None) == []
    with pytest.raises(NotFound, match="no public key"):
        catalogue.public_keys.get(ID)


BROKEN = {
    "no object": b"[1,  2.50]",
    "a field that is missing": b'{ "id": "%b",  "n": 1E3 }',
    "a value of a later release": b'{"id":"%b", "name":"x", "collection" : "archived", "u":"\\u00e9\xc3\xa9"}',
    "another record's id": b'{"id":"a0000000-0000-4000-8000-00000000000f","name":"x" }',
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_reported_kept_byte_for_byte_and_hides_nothing(
    images: Records[Image], store: ObjectStore, bucket: str, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    raw = broken.replace(b"%b", ID.encode())
    store.write(bucket, KEY, b'{"revision":"r",\n "records": {"%b" : %b} }' % (ID.encode(), raw))
    neighbour = images.create(Image(id=NEIGHBOUR, name="n"))
    neighbour = images.change(NEIGHBOUR, _counted)
    with caplog.at_level(logging.WARNING, "storage.records.store"):
        assert images.list(None) == [neighbour]
    assert ID in caplog.text
    report = images.broken()
    assert [(found.kind, found.id) for found in report] == [(RecordKind.IMAGE, ID)]
    assert report[0].reason
    for call in (images.get, lambda record_id: images.change(record_id, _counted)):
        with pytest.raises(Corrupt, match=ID):
            call(ID)
    with pytest.raises(Conflict):
        images.create(Image(id=ID, name="over it"))
    assert raw in store.read(bucket, KEY)[0]
    images.remove(ID)
    assert images.broken() == []


def test_a_time_without_a_zone_does_not_hide_the_others(
    images: Records[Image], store: ObjectStore, bucket: str
) -> None:
    store.write(
        bucket,
        KEY,
        json.dumps({"records": {ID: {"id": ID, "name": "old", "created": "2020-01-01T00:00:00"}}}).encode(),
    )
    images.create(Image(name="new"))
    assert [image.name for image in images.list()] == ["old", "new"]


def test_a_time_before_all_times_does_not_hide_the_others(
    images: Records[Image], store: ObjectStore, bucket: str
) -> None:
    record = {"id": ID, "name": "old", "created": "0001-01-01T00:00:00"}
    store.write(bucket, KEY, json.dumps({"records": {ID: record}}).encode())
    images.create(Image(name="new"))
    assert [image.name for image in images.list()] == ["new"]
    assert [broken.id for broken in images.broken()] == [ID]


@pytest.mark.parametrize("content", [b"", b'{"records": {"a', b"<html>", b"[]"], ids=["empty", "torn", "html", "list"])
def test_what_is_no_document_is_named_and_never_overwritten(
    images: Records[Image], store: ObjectStore, bucket: str, content: bytes
) -> None:
    store.write(bucket, KEY, content)
    for call in (
        images.list,
        images.broken,
        lambda: images.get(ID),
        lambda: images.create(Image(id=ID, name="i")),
        lambda: images.remove(ID),
    ):
        with pytest.raises(Corrupt, match=f"s3://{bucket}/{KEY}"):
            call()
    assert store.read(bucket, KEY)[0] == content


def test_a_lost_race_is_tried_again(images: Records[Image], faulty_images: Records[Image], proxy: Faults) -> None:
    images.create(Image(id=ID, name="i"))
    proxy.plan(when=lambda call: call.is_write, times=3, before=lambda _: _change(images, ID))
    assert faulty_images.change(ID, _counted).metadata == {"count": "4"}
    assert [call.method for call in proxy.calls] == ["GET", "PUT"] * 4


def test_of_two_first_writers_both_win(images: Records[Image], faulty_images: Records[Image], proxy: Faults) -> None:
    proxy.plan(when=lambda call: call.is_write, before=lambda _: _create(images, NEIGHBOUR))
    faulty_images.create(Image(id=ID, name="i"))
    assert {image.id for image in images.list()} == {ID, NEIGHBOUR}


def _change(images: Records[Image], record_id: str) -> None:
    images.change(record_id, _counted)


def _create(images: Records[Image], record_id: str) -> None:
    images.create(Image(id=record_id, name="n"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
@pytest.mark.parametrize("is_write", [False, True], ids=["read", "write"])
def test_each_call_of_each_operation_survives(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults, is_write: bool, fault: Fault
) -> None:
    operations: list[Callable[[], object]] = [
        lambda: faulty_images.create(Image(id=ID, name="i")),
        lambda: faulty_images.change(ID, _counted),
        lambda: faulty_images.remove(ID),
    ]
    outcomes = []
    images.create(Image(id=NEIGHBOUR, name="n"))
    for operation in operations:
        proxy.clear()
        proxy.plan(fault, when=lambda call: call.is_write == is_write)
        operation()
        outcomes.append({image.id: image.metadata for image in images.list()})
    assert outcomes == [{ID: {}, NEIGHBOUR: {}}, {ID: {"count": "1"}, NEIGHBOUR: {}}, {NEIGHBOUR: {}}]


@pytest.mark.parametrize("fault", [Fault.DONE_500, Fault.LOST_ANSWER], ids=lambda fault: fault.name)
@pytest.mark.parametrize("record_id", [ID, NEIGHBOUR], ids=["the same record", "another of its document"])
def test_a_change_whose_answer_was_lost_is_done_once_though_others_wrote_since(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults, record_id: str, fault: Fault
) -> None:
    for made in (ID, NEIGHBOUR):
        _create(images, made)
    proxy.plan(fault, when=lambda call: call.is_write, after=lambda _: _change(images, record_id))
    faulty_images.change(ID, _counted)
    expected = {ID: 1, NEIGHBOUR: 0}
    expected[record_id] += 1
    assert {image.id: int(image.metadata.get("count", "0")) for image in images.list()} == expected


def test_a_new_record_whose_answer_was_lost_is_no_conflict_with_itself(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults
) -> None:
    proxy.plan(Fault.LOST_ANSWER, when=lambda call: call.is_write, after=lambda _: _change(images, ID))
    assert faulty_images.create(Image(id=ID, name="i")).metadata == {"count": "1"}


def test_nothing_is_guessed_when_more_wrote_since_than_is_remembered(
    images: Records[Image], settings_for: Callable[..., Settings], proxy: Faults, bucket: str
) -> None:
    _create(images, ID)
    # With time for all that is written while it waits.
    patient = Records(ObjectStore(settings_for(proxy.endpoint_url).s3), bucket, RecordKind.IMAGE, Image)

    def many(_: Call) -> None:
        for _writer in range(REMEMBERED_WRITERS + 1):
            _change(images, ID)

    proxy.plan(Fault.LOST_ANSWER, when=lambda call: call.is_write, after=many)
    with pytest.raises(Unreachable, match="cannot tell"):
        patient.change(ID, _counted)


def test_races_lost_for_ever_end_in_an_error_that_says_so(
    images: Records[Image], faulty_store: ObjectStore, proxy: Faults, bucket: str
) -> None:
    _create(images, ID)
    hurried = Records(faulty_store, bucket, RecordKind.IMAGE, Image, patience=timedelta(seconds=0.5))
    proxy.plan(when=lambda call: call.is_write, times=1000, before=lambda _: _change(images, ID))
    with pytest.raises(Unreachable, match=r"tries in .* it was written in between"):
        hurried.change(ID, _counted)


@pytest.mark.slow
def test_a_server_in_trouble_for_long_is_unreachable_and_the_record_stays(
    images: Records[Image], faulty_images: Records[Image], proxy: Faults
) -> None:
    made = images.create(Image(id=ID, name="i"))
    proxy.plan(Fault.ANSWER_503, times=1000)
    for call in (lambda: faulty_images.change(ID, _counted), faulty_images.list, lambda: faulty_images.get(ID)):
        with pytest.raises(Unreachable):
            call()
    assert images.get(ID) == made


def test_threads_that_change_one_record_lose_no_update(images: Records[Image]) -> None:
    images.create(Image(id=ID, name="i"))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: images.change(ID, _counted), range(160)))
    assert images.get(ID).metadata == {"count": "160"}


def test_threads_that_make_records_lose_none(images: Records[Image]) -> None:
    ids = [str(uuid4()) for _ in range(160)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda record_id: images.create(Image(id=record_id, name="i")), ids))
    assert sorted(image.id for image in images.list()) == sorted(ids)
