"""storage/moving/objects.py: all objects in files, and back as they were, wherever a kill cuts in."""

import json
from pathlib import Path

import pytest

from config.quantities import MiB
from errors import Corrupt, Exhausted, ImsError
from storage.models.records import Image
from storage.moving import restoration
from storage.moving.adoption import Verdict
from storage.moving.backups import back_up, read_backup, read_objects
from storage.s3.objects import ObjectStore
from storage.s3.originals import tags_of
from tests.conftest import SettingsFor
from tests.faults import Call, Faults
from tests.memory_s3.faults import MemoryFaults
from tests.memory_s3.fixtures import in_memory, on_both
from tests.objects_of_parts import write_parts
from tests.storage.stored import Stored


def contents(stored: Stored) -> dict[str, object]:
    """Return all objects but the records, with everything that S3 knows of them."""
    found: dict[str, object] = {}
    for uri in stored.uris():
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body, info = stored.store.read(bucket, key)
        found[uri] = (body, info.etag, info.content_type, info.metadata, tags_of(stored.store, bucket, key))
    return found


def fill(stored: Stored) -> None:
    """Store an image, a recipe, and objects with strange keys, in parts, and with tags."""
    image = stored.image()
    stored.recipe()
    bucket = stored.buckets[1]
    for key in ("../../out", "a//b", "deleted/x/manifest.json", "é\n", f"{'k' * 300}/{'k' * 300}"):
        stored.store.write(bucket, key, b"", content_type="text/x", metadata={"name": "grün"})
    write_parts(stored.store, bucket, f"{image.id}/big", [5 * MiB, MiB], metadata={"a": "b"})
    stored.store.client.put_object_tagging(
        Bucket=bucket, Key=f"{image.id}/rootfs", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
    )


def save(stored: Stored, folder: Path, store: ObjectStore | None = None) -> int:
    return back_up(store or stored.store, stored.buckets[0], folder, objects_of=stored.buckets)[1]


def restore(store: ObjectStore, folder: Path) -> set[Verdict]:
    return {each.verdict for each in restoration.objects_restored(store, read_objects(folder), dry_run=False)}


@on_both
def test_an_object_of_parts_comes_back_with_its_etag(stored: Stored, tmp_path: Path) -> None:
    bucket, client, body = stored.buckets[1], stored.store.client, bytes(5 * MiB)
    upload = client.create_multipart_upload(Bucket=bucket, Key="x", ContentType="a/b", Metadata={"a": "b"})["UploadId"]
    sent = [
        client.upload_part(Bucket=bucket, Key="x", UploadId=upload, PartNumber=number, Body=body[:size])["ETag"]
        for number, size in ((1, 5 * MiB), (2, MiB))
    ]
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="x",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(sent, 1)]},
    )
    made = stored.store.head(bucket, "x")
    save(stored, tmp_path / "all")
    stored.clear()
    assert restore(stored.store, tmp_path / "all") == {Verdict.TAKEN}
    assert stored.store.head(bucket, "x") == made
    assert made.etag.endswith("-2")
    assert restore(stored.store, tmp_path / "all") == {Verdict.PRESENT}


@pytest.mark.embedded
def test_an_etag_that_a_server_does_not_give_again_is_named(stored: Stored, tmp_path: Path) -> None:
    """On SeaweedFS the etag of an object made of copies of parts does not follow from them."""
    write_parts(stored.store, stored.buckets[1], "x", [5 * MiB, MiB], metadata={"a": "b"})
    save(stored, tmp_path / "all")
    stored.clear()
    [made] = restoration.objects_restored(stored.store, read_objects(tmp_path / "all"), dry_run=False)
    assert made.verdict is Verdict.TAKEN
    assert made.why.startswith("its etag is now ")
    assert restore(stored.store, tmp_path / "all") == {Verdict.PRESENT}


@in_memory
def test_objects_come_back_with_bytes_etags_types_metadata_and_tags(stored: Stored, tmp_path: Path) -> None:
    fill(stored)
    before = contents(stored)
    assert save(stored, tmp_path / "all") == len(before)
    assert [each.name for each in tmp_path.iterdir()] == ["all"]
    stored.clear()
    dry = restoration.objects_restored(stored.store, read_objects(tmp_path / "all"), dry_run=True)
    assert {each.verdict for each in dry} == {Verdict.TAKEN}
    assert contents(stored) == {}
    assert restore(stored.store, tmp_path / "all") == {Verdict.TAKEN}
    assert contents(stored) == before
    assert restore(stored.store, tmp_path / "all") == {Verdict.PRESENT}


@in_memory
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_write_the_same_restore_completes(
    stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor, moment: str
) -> None:
    assert isinstance(proxy, MemoryFaults)
    fill(stored)
    before = contents(stored)
    save(stored, tmp_path / "all")
    for number in range(1, 100):
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
        was_killed = proxy.ends_by_kill(
            lambda: restore(ObjectStore(settings_for(proxy.endpoint_url).s3), tmp_path / "all")
        )
        restore(stored.store, tmp_path / "all")
        assert contents(stored) == before
        if not was_killed:
            assert number > len(before)
            return


@in_memory
def test_killed_at_any_read_the_same_backup_goes_on_with_what_it_has(
    stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor
) -> None:
    assert isinstance(proxy, MemoryFaults)
    fill(stored)
    (tmp_path / ".all.part/objects/00").mkdir(parents=True)
    (tmp_path / ".all.part/objects/00/gone").touch()
    store = ObjectStore(settings_for(proxy.endpoint_url).s3)
    # The keys of the bucket are read in order: this is the last one.
    proxy.plan(when=lambda call: call.method == "GET" and call.key.startswith("kkk"), before=proxy.kill)
    assert proxy.ends_by_kill(lambda: save(stored, tmp_path / "all", store))
    assert not (tmp_path / "all").exists()
    proxy.clear()
    save(stored, tmp_path / "all", store)
    reads = [call.key for call in proxy.calls if call.method == "GET" and not call.query]
    assert not (tmp_path / "all/objects/00/gone").exists()
    assert not [key for key in reads if key.startswith(("../", "a//", "deleted"))]


@in_memory
def test_secrets_of_jobs_are_left_out(stored: Stored, tmp_path: Path) -> None:
    for name in ("credentials.json", "shell.json", "prepare.log"):
        stored.store.write(stored.buckets[0], f"jobs/j/{name}", b"x")
    assert save(stored, tmp_path / "all") == 1


@in_memory
def test_an_object_that_differs_stays_and_is_named(stored: Stored, tmp_path: Path) -> None:
    bucket = stored.buckets[1]
    stored.store.write(bucket, "x/rootfs", b"then")
    save(stored, tmp_path / "all")
    stored.store.write(bucket, "x/rootfs", b"now")
    [made] = restoration.objects_restored(stored.store, read_objects(tmp_path / "all"), dry_run=False)
    assert (made.verdict, made.id) == (Verdict.CONFLICT, f"s3://{bucket}/x/rootfs")
    assert stored.store.read(bucket, "x/rootfs")[0] == b"now"


@in_memory
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_a_damaged_file_is_never_uploaded(stored: Stored, tmp_path: Path, suffix: str) -> None:
    stored.store.write(stored.buckets[1], "x/rootfs", b"then")
    save(stored, tmp_path / "all")
    [name] = json.loads((tmp_path / "all/backup.json").read_text())["objects"]
    file = tmp_path / "all/objects" / name[:2] / (name + suffix)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    stored.clear()
    with pytest.raises(Corrupt, match="not what was written"):
        restore(stored.store, tmp_path / "all")
    assert contents(stored) == {}


@in_memory
def test_records_that_change_while_objects_are_saved_are_read_again(
    stored: Stored, tmp_path: Path, proxy: Faults, settings_for: SettingsFor
) -> None:
    """An image that is made meanwhile is in the backup with its objects, or not at all."""
    stored.store.write(stored.buckets[1], "0/first", b"1")
    made: list[Image] = []
    proxy.plan(when=lambda call: call.key == "0/first", after=lambda _: made.append(stored.image()))
    save(stored, tmp_path / "all", ObjectStore(settings_for(proxy.endpoint_url).s3))
    [image] = made
    assert any(image.id in document.records for _, _, document in read_backup(tmp_path / "all"))
    assert image.link is not None
    assert image.link.path in {saved.uri for saved, _ in read_objects(tmp_path / "all")}
    stored.store.write(stored.buckets[1], "0/second", b"1")
    proxy.plan(when=lambda call: call.key == "0/second", after=lambda _: made.append(stored.image()), times=1000)
    with pytest.raises(Exhausted, match="run this again") as raised:
        save(stored, tmp_path / "more", ObjectStore(settings_for(proxy.endpoint_url).s3))
    assert isinstance(raised.value, ImsError)
