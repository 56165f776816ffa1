"""storage/moving/backups.py, restoration.py: records of one moment, proven when written, and back as they were."""

import json
import shutil
from pathlib import Path

import pytest

from errors import BadInput, Corrupt, Exhausted
from storage.models.kinds import RecordKind
from storage.models.layout import records_key, shard_of
from storage.models.records import Image, new_id
from storage.moving import adoption, backups, restoration
from storage.moving.adoption import Adoption, Verdict
from storage.moving.backups import back_up, read_backup
from storage.moving.sources import read_folder
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.conftest import SettingsFor
from tests.faults import Call, Faults
from tests.memory_s3.faults import MemoryFaults
from tests.memory_s3.fixtures import in_memory
from tests.storage.moving.stores import many, write
from tests.storage.stored import Stored

pytestmark = in_memory


def records_of(stored: Stored) -> dict[RecordKind, object]:
    catalogue = Catalogue(stored.store, stored.settings.bucket)
    return {kind: catalogue.of(kind).all() for kind in RecordKind}


def fill(stored: Stored, tmp_path: Path, count: int) -> Path:
    """Store some records of each kind, and back them up."""
    lists = many(count)
    # Those of IMS have no time of their own.
    del lists["remote_build_nodes"]
    found = read_folder(write(tmp_path / "ims", **lists))
    adoption.adopt(adoption.plan(found, stored.catalogue, stored.store), stored.catalogue)
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    return tmp_path / "backup"


def restore(store: ObjectStore, bucket: str, folder: Path) -> list[Adoption]:
    planned = restoration.plan(list(read_backup(folder)), store, bucket)
    return restoration.restore(planned, Catalogue(store, bucket))


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_what_is_lost_comes_back_as_it_was_and_only_records_are_written(
    stored: Stored, tmp_path: Path, count: int
) -> None:
    folder, bucket, before = fill(stored, tmp_path, count), stored.settings.bucket, records_of(stored)
    stored.clear()
    adoptions = restore(stored.store, bucket, folder)
    assert {each.verdict for each in adoptions} == {Verdict.TAKEN}
    assert records_of(stored) == before
    keys = list(stored.store.keys(bucket, ""))
    assert all(key.startswith("records/") for key in keys)
    etags = {key: stored.store.head(bucket, key).etag for key in keys}
    assert {each.verdict for each in restore(stored.store, bucket, folder)} == {Verdict.PRESENT}
    assert {key: stored.store.head(bucket, key).etag for key in keys} == etags


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("what", ["import", "restore"])
def test_killed_at_any_write_the_same_command_completes(
    stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor, what: str, moment: str
) -> None:
    assert isinstance(proxy, MemoryFaults)
    folder, bucket, before = fill(stored, tmp_path, 4), stored.settings.bucket, records_of(stored)
    documents = len(list(stored.store.keys(bucket, "records/")))

    def act() -> list[Adoption]:
        store = ObjectStore(settings_for(proxy.endpoint_url).s3)
        if what == "restore":
            return restore(store, bucket, folder)
        catalogue = Catalogue(store, bucket)
        return adoption.adopt(adoption.plan(read_folder(tmp_path / "ims"), catalogue, store), catalogue)

    # The first, some between, and the last.
    for number in {*range(1, documents, 12), documents}:
        stored.clear()
        proxy.clear()
        writes: list[Call] = []
        proxy.plan(
            when=lambda call, writes=writes, number=number: (  # type: ignore[misc]
                call.is_write and (writes.append(call) or len(writes) == number)
            ),
            before=proxy.kill if moment == "before" else None,
            after=proxy.kill if moment == "after" else None,
        )
        assert proxy.ends_by_kill(act)
        proxy.clear()
        assert {each.verdict for each in act()} <= {Verdict.TAKEN, Verdict.PRESENT}
        assert records_of(stored) == before


def test_what_is_here_stays_and_what_differs_is_named(stored: Stored, tmp_path: Path) -> None:
    image, other = (stored.catalogue.images.create(Image(name=name)) for name in ("it", "other"))
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    changed = stored.catalogue.images.change(image.id, lambda it: it.model_copy(update={"metadata": {"a": "b"}}))
    stored.catalogue.images.remove(other.id)
    adoptions = restore(stored.store, stored.settings.bucket, tmp_path / "backup")
    assert {each.id: each.verdict for each in adoptions} == {image.id: Verdict.CONFLICT, other.id: Verdict.TAKEN}
    assert stored.catalogue.images.get(image.id) == changed
    assert stored.catalogue.images.get(other.id) == other


def test_a_record_that_is_made_between_plan_and_write_is_not_lost(stored: Stored, tmp_path: Path) -> None:
    image = stored.catalogue.images.create(Image(name="it"))
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    stored.catalogue.images.remove(image.id)
    planned = restoration.plan(list(read_backup(tmp_path / "backup")), stored.store, stored.settings.bucket)
    theirs = Catalogue(stored.store, stored.settings.bucket).images.create(Image(id=image.id, name="theirs"))
    neighbour = stored.catalogue.images.create(Image(id=new_id()[:-1] + image.id[-1], name="neighbour"))
    [adopted] = restoration.restore(planned, stored.catalogue)
    assert adopted.verdict is Verdict.CONFLICT
    assert {each.id for each in stored.catalogue.images.list()} == {theirs.id, neighbour.id}


def test_a_record_of_a_newer_release_comes_back_byte_for_byte(stored: Stored, tmp_path: Path) -> None:
    record_id, bucket = new_id(), stored.settings.bucket
    key = records_key("images", shard_of(record_id))
    text = f'{{"revision":"r","more": [1.50],"records":{{"{record_id}": {{"name": 7,  "size":1e400}}}}}}'
    stored.store.write(bucket, key, text.encode())
    back_up(stored.store, bucket, tmp_path / "backup")
    assert (tmp_path / "backup" / key).read_text() == text
    stored.clear()
    [adopted] = restore(stored.store, bucket, tmp_path / "backup")
    assert (adopted.verdict, adopted.name) == (Verdict.TAKEN, "7")
    assert "cannot read it" in adopted.why
    now = stored.store.read(bucket, key)[0].decode()
    assert '{"name": 7,  "size":1e400}' in now
    assert '"more":[1.50]' in now


def test_a_backup_is_of_one_moment(stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor) -> None:
    """Two records made in turn while it reads: never the second one alone."""
    # The first is in the document that is read first, and both are made after that was read.
    first, second = new_id()[:-1] + "0", new_id()[:-1] + "f"
    stored.catalogue.images.create(Image(id=new_id()[:-1] + "0", name="before"))

    def change(_: Call) -> None:
        for record_id in (first, second):
            stored.catalogue.images.create(Image(id=record_id, name="meanwhile"))

    proxy.plan(when=lambda call: call.key == records_key("images", "0"), after=change)
    counts, _ = back_up(ObjectStore(settings_for(proxy.endpoint_url).s3), stored.settings.bucket, tmp_path / "backup")
    assert counts[RecordKind.IMAGE] == 3


def test_records_that_change_all_the_time_make_no_backup(
    stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = stored.catalogue.images.create(Image(name="it"))

    def change(_: Call) -> None:
        stored.catalogue.images.change(image.id, lambda it: it.model_copy(update={"name": it.name + "."}))

    monkeypatch.setattr(backups, "MOST_PASSES", 3)
    proxy.plan(when=lambda call: call.key == records_key("images", image.id[-1]), before=change, times=10_000)
    with pytest.raises(Exhausted, match="all the time"):
        back_up(ObjectStore(settings_for(proxy.endpoint_url).s3), stored.settings.bucket, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_document_that_is_none_is_named_and_no_backup_made(stored: Stored, tmp_path: Path) -> None:
    stored.store.write(stored.settings.bucket, "records/images/3.json", b"{")
    with pytest.raises(Corrupt, match=r"records/images/3\.json is not a document"):
        back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_written_and_a_rest_is_replaced(stored: Stored, tmp_path: Path) -> None:
    (tmp_path / ".backup.part/records").mkdir(parents=True)
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]
    with pytest.raises(BadInput, match="exists"):
        back_up(stored.store, stored.settings.bucket, tmp_path / "backup")


def test_damage_anywhere_is_found_before_anything_is_written(stored: Stored, tmp_path: Path) -> None:
    image = stored.catalogue.images.create(Image(name="it"))
    key = records_key("images", image.id[-1])
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    whole = (tmp_path / "backup" / key).read_bytes()
    for at in range(0, len(whole), 7):
        (tmp_path / "backup" / key).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Corrupt, match=key):
            list(read_backup(tmp_path / "backup"))
    (tmp_path / "backup" / key).unlink()
    with pytest.raises(Corrupt, match=key):
        list(read_backup(tmp_path / "backup"))


@pytest.mark.parametrize("text", ["", "[", "{}", "[" * 100_000, '{"format": 2}', "../../etc/passwd"])
def test_a_folder_that_is_no_backup_is_refused(stored: Stored, tmp_path: Path, text: str) -> None:
    back_up(stored.store, stored.settings.bucket, tmp_path / "backup")
    contents = tmp_path / "backup/backup.json"
    if text.startswith(".."):
        listed = json.loads(contents.read_text())
        listed["documents"][text] = {"size": 1, "sha256": "", "etag": ""}
        text = json.dumps(listed)
    contents.write_text(text)
    with pytest.raises(BadInput, match=r"backup\.json"):
        list(read_backup(tmp_path / "backup"))
    shutil.rmtree(tmp_path / "backup")
    with pytest.raises(BadInput, match="name a folder"):
        list(read_backup(tmp_path / "backup"))
