"""storage/moving: what an IMS had is here with its ids, links and times, and goes back as it came."""

import json
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from errors import BadInput, Conflict
from storage.deletion.moves import carry_out_all
from storage.models.records import Collection, Image, Link, PublicKey
from storage.moving.adoption import Adoption, Verdict, adopt, plan
from storage.moving.exports import export
from storage.moving.sources import read_archive, read_folder
from tests.memory_s3.fixtures import in_memory
from tests.storage.moving.stores import ROOTFS, job, many, place, write
from tests.storage.stored import Stored

pytestmark = in_memory

CREATED = "2021-02-03T04:05:06.789012"


def take(stored: Stored, folder: Path) -> list[Adoption]:
    return adopt(plan(read_folder(folder), stored.catalogue, stored.store), stored.catalogue)


def one(stored: Stored, folder: Path, into: str, /, **fields: Any) -> Adoption:
    """Import one record."""
    record = {"id": str(uuid4()), "created": CREATED, "name": "it", **fields}
    [adoption] = take(stored, write(folder, **{into: [record]}))
    return adoption


def comparable(value: Any) -> Any:
    """Return a record with its times as moments: an IMS spells them in several ways."""
    if not isinstance(value, dict):
        return value
    times = {
        name: datetime.fromisoformat(text).replace(tzinfo=None)
        for name in ("created", "deleted")
        if (text := value.get(name))
    }
    shells = [
        {**each, "connection_info": None, "status": "", "host_key": ""} for each in value.get("ssh_containers", [])
    ]
    return {**value, **times, **({"ssh_containers": shells} if shells else {})}


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_what_came_goes_back_the_same_and_only_records_are_written(stored: Stored, tmp_path: Path, count: int) -> None:
    lists = many(count)
    before = len(list(stored.store.keys(stored.buckets[0], "")))
    adoptions = take(stored, write(tmp_path / "ims", **lists))
    assert {each.verdict for each in adoptions} == {Verdict.TAKEN}
    keys = list(stored.store.keys(stored.buckets[0], ""))
    assert all(key.startswith("records/") for key in keys[before:])
    assert len(keys) <= 5 * 16
    counts = export(stored.catalogue, tmp_path / "back")
    assert counts == {place(name).file_name: len(records) for name, records in lists.items()}
    for name, records in lists.items():
        back = json.loads((tmp_path / "back" / place(name).file_name).read_text())
        key = "xname" if name == "remote_build_nodes" else "id"
        found = {each[key]: comparable(each) for each in back}
        for record in records:
            assert comparable(record).items() <= found[record[key]].items()
    again = take(stored, tmp_path / "back")
    assert {each.verdict for each in again} == {Verdict.PRESENT}
    assert list(stored.store.keys(stored.buckets[0], "")) == keys


def test_a_dry_run_writes_nothing(stored: Stored, tmp_path: Path) -> None:
    planned = plan(read_folder(write(tmp_path / "ims", **many(3))), stored.catalogue, stored.store)
    assert {each.adoption.verdict for each in planned} == {Verdict.TAKEN}
    assert list(stored.store.keys(stored.buckets[0], "records/")) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": "no uuid"}, "must be an id"),
        ({"id": None}, "it has no id"),
        ({"created": ""}, "it has no created"),
        ({"created": "yesterday"}, "created"),
        ({"name": "a\x1b[31mb"}, "control characters"),
        ({"link": "s3://a/b"}, "link"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "\ud800"}}, "cannot be stored"),
        ({"strange": "\ud800"}, "cannot be stored"),
        ({"strange": float("nan")}, "its strange cannot be stored as it is"),
        ({"strange": json.loads("[" * 900 + "]" * 900)}, "cannot be stored"),
        ({"created": "0001-01-01T00:00:00"}, "cannot be stored"),
    ],
)
def test_what_is_no_record_is_broken_and_says_why(stored: Stored, tmp_path: Path, fields: Any, why: str) -> None:
    adoption = one(stored, tmp_path / "ims", "images", **fields)
    assert adoption.verdict is Verdict.BROKEN
    assert why in adoption.why
    assert "record 1" in adoption.why
    assert adoption.name.isprintable()
    assert stored.catalogue.images.all() == ([], [])


def test_a_broken_record_keeps_none_of_the_others_back(stored: Stored, tmp_path: Path) -> None:
    lists = many(2)
    lists["images"] += [7, {"name": "x"}]  # type: ignore[list-item]
    verdicts = [each.verdict for each in take(stored, write(tmp_path / "ims", images=lists["images"]))]
    assert sorted(verdicts) == [Verdict.BROKEN, Verdict.BROKEN, Verdict.TAKEN, Verdict.TAKEN]


def test_fields_that_nobody_knows_are_kept_and_go_back_and_ours_are_not_set_from_outside(
    stored: Stored, tmp_path: Path
) -> None:
    strange = {
        "site": {"rack": 7},
        "unset": None,
        "collection": "erasing",
        "journal": {"missing": ["s3://a/b"]},
        "writers": ["x"],
    }
    adoption = one(stored, tmp_path / "ims", "images", **strange)
    record = stored.catalogue.images.available(adoption.id)
    assert (record.journal, record.model_extra) == (None, {"site": {"rack": 7}, "unset": None})
    export(stored.catalogue, tmp_path / "back")
    [back] = json.loads((tmp_path / "back/v2.1_images.json").read_text())
    assert (back["site"], back["unset"]) == ({"rack": 7}, None)
    assert not {"collection", "journal", "writers"} & set(back)


def test_a_key_is_kept_byte_for_byte_whatever_it_is(stored: Stored, tmp_path: Path) -> None:
    adoption = one(stored, tmp_path / "ims", "public_keys", public_key="ssh-dss AAA comment \r\n")
    assert stored.catalogue.public_keys.get(adoption.id).public_key == "ssh-dss AAA comment \r\n"


def test_a_record_of_the_same_id_stays_and_the_difference_is_named(stored: Stored, tmp_path: Path) -> None:
    key = stored.catalogue.public_keys.create(PublicKey(name="ours", public_key="k"))
    adoption = one(stored, tmp_path / "ims", "public_keys", id=key.id, public_key="k")
    assert (adoption.verdict, adoption.why) == (Verdict.CONFLICT, "the record of its id has another created, name")
    assert stored.catalogue.public_keys.get(key.id) == key


def test_two_records_of_one_id_or_one_object_are_in_conflict(stored: Stored, tmp_path: Path) -> None:
    same = {"id": str(uuid4()), "created": CREATED, "name": "it"}
    link = {"path": "s3://boot-images/x/manifest.json", "type": "s3"}
    others = [{**same, "id": str(uuid4()), "link": link} for _ in range(2)]
    found = take(stored, write(tmp_path / "ims", images=[same, same, *others]))
    assert {each.verdict for each in found} == {Verdict.CONFLICT}
    assert [each.why.split(" of ")[0] for each in found] == [
        "its id is that",
        "its id is that",
        *["its link is that"] * 2,
    ]


def test_a_record_that_another_process_makes_meanwhile_is_in_conflict(stored: Stored, tmp_path: Path) -> None:
    record = {"id": str(uuid4()), "created": CREATED, "name": "it"}
    planned = plan(read_folder(write(tmp_path / "ims", images=[record])), stored.catalogue, stored.store)
    stored.catalogue.images.create(Image(id=record["id"], name="theirs"))
    [adoption] = adopt(planned, stored.catalogue)
    assert adoption.verdict is Verdict.CONFLICT
    assert stored.catalogue.images.get(record["id"]).name == "theirs"


@pytest.mark.parametrize(("status", "verdict"), [("error", Verdict.TAKEN), ("waiting_on_user", Verdict.LEFT)])
def test_a_job_is_history_or_left_to_ims(stored: Stored, tmp_path: Path, status: str, verdict: Verdict) -> None:
    record = job({"id": str(uuid4()), "created": CREATED}, status=status)
    [adoption] = take(stored, write(tmp_path / "ims", jobs=[record]))
    assert adoption.verdict is verdict
    assert [each.status for each in stored.catalogue.jobs.all()[0]] == (["error"] if verdict is Verdict.TAKEN else [])


def test_an_object_that_is_gone_is_said_and_the_record_taken(stored: Stored, tmp_path: Path) -> None:
    adoption = one(
        stored, tmp_path / "ims", "images", link={"path": f"s3://{stored.buckets[1]}/a/manifest.json", "type": "s3"}
    )
    assert (adoption.verdict, adoption.why) == (
        Verdict.TAKEN,
        f"s3://{stored.buckets[1]}/a/manifest.json is not there",
    )


def test_a_deleted_image_can_be_restored(stored: Stored, tmp_path: Path) -> None:
    """IMS and we put deleted objects in the same places: what it has deleted moves back as the journal says."""
    image_id, bucket = str(uuid4()), stored.buckets[1]

    def put(key: str, content: bytes) -> dict[str, str]:
        etag = stored.store.write(bucket, key, content).strip('"')
        return {"path": f"s3://{bucket}/{key}", "etag": etag, "type": "s3"}

    rootfs = put(f"deleted/{image_id}/rootfs", b"rootfs")
    manifest = put(f"deleted/{image_id}/manifest.json", b"the original one")
    listed = {"version": "1.0", "created": CREATED, "artifacts": [{"link": rootfs, "type": ROOTFS, "md5": "0"}]}
    link = put(f"deleted/{image_id}/deleted_manifest.json", json.dumps(listed).encode())
    adoption = one(stored, tmp_path / "ims", "deleted_images", id=image_id, link=link, deleted=CREATED)
    assert adoption.verdict is Verdict.TAKEN
    record = stored.catalogue.images.get(image_id)
    assert (record.collection, record.link) == (Collection.DELETED, Link.model_validate(link))
    assert record.journal is not None
    assert record.journal.link == Link(path=f"s3://{bucket}/{image_id}/manifest.json", etag=manifest["etag"])
    carry_out_all(stored.store, [move.back for move in record.journal.moves])
    assert stored.store.read(bucket, f"{image_id}/rootfs")[0] == b"rootfs"
    assert stored.store.read(bucket, f"{image_id}/manifest.json")[0] == b"the original one"


def test_an_export_of_docs_csm_is_read_from_its_archive_or_its_folder(stored: Stored, tmp_path: Path) -> None:
    lists = many(3)
    by_id = {name: {each["id"]: each for each in lists[name]} for name in lists if name != "remote_build_nodes"}
    deleted = {name.removeprefix("deleted_"): by_id.pop(name) for name in [*by_id] if name.startswith("deleted_")}
    document: dict[str, Any] = {"created": "1", "bos": None, "s3_data": None, "ims_data": {**by_id, "deleted": deleted}}
    (tmp_path / "export.json").write_text(json.dumps(document))
    with tarfile.open(tmp_path / "it.tar", "w") as tar:
        tar.add(tmp_path / "export.json", "export.json")
    found = read_archive(tmp_path / "it.tar")
    assert len(found) == sum(map(len, lists.values())) - 1
    assert [each.fields for each in found] == [each.fields for each in read_folder(tmp_path)]
    assert {each.adoption.verdict for each in plan(found, stored.catalogue, stored.store)} == {Verdict.TAKEN}
    document["ims_data"]["deleted"] = None
    (tmp_path / "export.json").write_text(json.dumps(document))
    assert not [each for each in read_folder(tmp_path) if each.place.deleted]


def test_an_export_would_leave_nothing_out_and_overwrites_nothing(stored: Stored, tmp_path: Path) -> None:
    image = stored.catalogue.images.create(Image(name="it", collection=Collection.DELETING))
    with pytest.raises(Conflict, match=f"image {image.id} is deleting"):
        export(stored.catalogue, tmp_path / "back")
    stored.catalogue.images.remove(image.id)
    (tmp_path / "back").mkdir()
    with pytest.raises(BadInput, match="exists"):
        export(stored.catalogue, tmp_path / "back")
