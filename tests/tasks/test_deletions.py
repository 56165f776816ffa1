"""tasks/deletions.py: what is deleted can be got back, byte for byte, wherever a fault or a kill cuts in."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from config.quantities import MiB
from config.settings import Settings
from errors import BadInput, Conflict, Corrupt, ImsError, NotFound
from storage.models.fingerprint import Fingerprint
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.layout import artifact_key, deleted_key, deleted_manifest_key, fingerprint_key
from storage.models.manifest import Manifest
from storage.models.records import Collection, Image, Link, PublicKey, Recipe, new_id
from storage.records.catalogue import Catalogue, catalogue
from storage.records.fingerprints import read_fingerprint, write_fingerprint
from storage.records.jobs import open_job
from storage.records.public_keys import ssh_key_of_job
from storage.s3.objects import ObjectStore
from tasks.deletions import plan_deletion
from tests.faults import Call, Fault, Faults
from tests.memory_s3.fixtures import on_both
from tests.objects_of_parts import rewrite_whole, write_parts
from tests.tasks.deleting import Content, delete, killed, make_image, moved, objects, remove, restore

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWRc+UOO0RNGYP9J9WtKKOUyiMXagbLMp5P2zdifaCv me"


@pytest.fixture(autouse=True)
def _one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    # What Prefect sets for the process of a flow run: a run that is started again has the same id.
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))


@pytest.fixture
def image(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings) -> Image:
    """An image of five artifacts."""
    return make_image(store, own_catalogue, s3_settings.boot_images_bucket)


@pytest.fixture
def recipe(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings) -> Recipe:
    """A recipe with its archive."""
    recipe_id, bucket = new_id(), s3_settings.bucket
    key = f"recipes/{recipe_id}/recipe.tgz"
    etag = store.write(bucket, key, b"archive", content_type="application/gzip", metadata={"md5sum": "m"})
    link = Link(path=f"s3://{bucket}/{key}", etag=etag)
    made = Recipe(id=recipe_id, name="recipe", linux_distribution="sles15", link=link, require_dkms=False)
    return own_catalogue.recipes.create(made)


def assert_deleted(store: ObjectStore, where: Settings, image: Image, before: Content) -> None:
    record = catalogue().images.get(image.id)
    assert record.collection is Collection.DELETED
    assert record.deleted is not None
    kept = {"collection", "deleted", "journal", "link"}
    assert record.model_dump(exclude=kept) == image.model_dump(exclude=kept)
    there = objects(store, where)
    manifest_name = f"{where.boot_images_bucket}/{deleted_manifest_key(image.id)}"
    manifest = Manifest.model_validate_json(there.pop(manifest_name)[0])
    assert there == moved(before)
    assert record.link is not None
    assert record.link.etag == store.head(record.link.bucket, record.link.key).etag
    for artifact in manifest.artifacts:
        info = store.head(artifact.link.bucket, artifact.link.key)
        assert (info.etag, info.metadata["md5sum"]) == (artifact.link.etag, artifact.md5)


def test_an_image_is_deleted_and_restored_byte_for_byte(
    store: ObjectStore, s3_settings: Settings, image: Image
) -> None:
    before = objects(store, s3_settings)
    delete(RecordKind.IMAGE, image.id)
    assert_deleted(store, s3_settings, image, before)
    assert catalogue().images.list() == []
    restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    assert catalogue().images.list() == [image]


def test_a_deleted_image_is_erased_with_all_it_had(store: ObjectStore, s3_settings: Settings, image: Image) -> None:
    delete(RecordKind.IMAGE, image.id)
    remove(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == {}
    with pytest.raises(NotFound):
        catalogue().images.get(image.id)


def test_an_image_is_deleted_restored_and_erased_with_its_fingerprint(
    own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, image: Image
) -> None:
    fingerprint = Fingerprint.of([("config.xml", "1")])
    digest = write_fingerprint(store, s3_settings.boot_images_bucket, image.id, fingerprint, {})
    image = own_catalogue.images.change(image.id, lambda known: known.model_copy(update={"inputs_digest": digest}))
    before = objects(store, s3_settings)
    delete(RecordKind.IMAGE, image.id)
    assert_deleted(store, s3_settings, image, before)
    restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    assert read_fingerprint(store, own_catalogue.images.get(image.id)) == fingerprint
    delete(RecordKind.IMAGE, image.id)
    remove(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == {}


@pytest.mark.parametrize("deleted", [False, True], ids=["before it is deleted", "while it is deleted"])
def test_a_fingerprint_that_is_gone_keeps_an_image_neither_from_being_deleted_nor_from_being_restored(
    own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, image: Image, deleted: bool
) -> None:
    before = objects(store, s3_settings)
    bucket, key = s3_settings.boot_images_bucket, fingerprint_key(image.id)
    digest = write_fingerprint(store, bucket, image.id, Fingerprint(inputs={}), {})
    own_catalogue.images.change(image.id, lambda known: known.model_copy(update={"inputs_digest": digest}))
    if not deleted:
        store.delete(bucket, key)
    delete(RecordKind.IMAGE, image.id)
    store.delete(bucket, deleted_key(key))
    restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    delete(RecordKind.IMAGE, image.id)
    remove(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == {}


def test_an_image_of_which_only_the_fingerprint_is_left_is_deleted(
    own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, image: Image
) -> None:
    bucket = s3_settings.boot_images_bucket
    for key in list(store.keys(bucket, "")):
        store.delete(bucket, key)
    write_fingerprint(store, bucket, image.id, Fingerprint(inputs={}), {})
    delete(RecordKind.IMAGE, image.id)
    assert own_catalogue.images.get(image.id).collection is Collection.DELETED


def test_a_recipe_goes_with_its_archive(store: ObjectStore, s3_settings: Settings, recipe: Recipe) -> None:
    before = objects(store, s3_settings)
    delete(RecordKind.RECIPE, recipe.id)
    assert objects(store, s3_settings) == moved(before)
    link = catalogue().recipes.get(recipe.id).link
    assert link is not None
    assert (link.key, link.etag) == (f"deleted/recipes/{recipe.id}/recipe.tgz", recipe.link and recipe.link.etag)
    restore(RecordKind.RECIPE, recipe.id)
    assert (objects(store, s3_settings), catalogue().recipes.list()) == (before, [recipe])


def test_a_public_key_is_its_record_alone(own_catalogue: Catalogue) -> None:
    key = own_catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
    delete(RecordKind.PUBLIC_KEY, key.id)
    assert own_catalogue.public_keys.list() == []
    restore(RecordKind.PUBLIC_KEY, key.id)
    assert own_catalogue.public_keys.list() == [key]
    delete(RecordKind.PUBLIC_KEY, key.id)
    remove(RecordKind.PUBLIC_KEY, key.id)
    assert own_catalogue.public_keys.list(None) == []


def test_a_plan_changes_nothing(store: ObjectStore, s3_settings: Settings, image: Image) -> None:
    before = objects(store, s3_settings)
    plan = plan_deletion(RecordKind.IMAGE, image.id)
    assert len(plan.moves) == 6
    assert (objects(store, s3_settings), catalogue().images.get(image.id)) == (before, image)


OPERATIONS: dict[str, tuple[list[Callable[[DeletableKind, str], None]], Callable[[DeletableKind, str], None]]] = {
    "delete": ([], delete),
    "restore": ([delete], restore),
    "erase": ([delete], remove),
}
each_operation = pytest.mark.parametrize(("before", "operation"), OPERATIONS.values(), ids=OPERATIONS)


def assert_nothing_lost(store: ObjectStore, where: Settings, records: Catalogue, image: Image, before: Content) -> None:
    """Assert that every byte is at its place or where it is moved to, and that the record is in one list."""
    there = objects(store, where)
    for name, content in before.items():
        away = next(iter(moved({name: content})))
        assert content in (there.get(name), there.get(away)), name
    assert [record.id for record in records.images.list(None)] == [image.id]


def assert_whole(store: ObjectStore, where: Settings, image: Image, before: Content, operation: Any) -> None:
    """Assert that an operation has done all of its work."""
    if operation is delete:
        assert_deleted(store, where, image, before)
    elif operation is restore:
        assert (objects(store, where), catalogue().images.list()) == (before, [image])
    else:
        assert (objects(store, where), catalogue().images.list(None)) == ({}, [])


@pytest.mark.slow
@on_both
@each_operation
@pytest.mark.parametrize("fault", [Fault.ANSWER_500, Fault.LOST_ANSWER], ids=["nothing done", "done, answer lost"])
def test_a_fault_at_any_call_loses_nothing_and_the_next_run_finishes(
    store: ObjectStore,
    s3_settings: Settings,
    own_catalogue: Catalogue,
    image: Image,
    through: Faults,
    stride: int,
    before: list[Callable[[DeletableKind, str], None]],
    operation: Callable[[DeletableKind, str], None],
    fault: Fault,
) -> None:
    original = objects(store, s3_settings)
    cases = 0
    for number in range(1, 500, stride):
        for step in before:
            if catalogue().images.get(image.id).collection is Collection.AVAILABLE:
                step(RecordKind.IMAGE, image.id)
        turn = Turn(image, number)
        through.plan(fault, when=turn.is_now)
        try:
            operation(RecordKind.IMAGE, image.id)
            failed = False
        except ImsError:
            failed = True
        if turn.seen < number:
            break
        cases += 1
        if failed:
            _finish(
                operation,
                image.id,
                lambda: assert_nothing(operation, store, s3_settings, own_catalogue, image, original),
            )
        assert_whole(store, s3_settings, image, original, operation)
        _begin_anew(store, own_catalogue, image, original, operation)
    assert cases * stride > 10
    print(f"\n{operation.__name__}: {cases} calls, each met {fault}")


class Turn:
    """The nth call that matters: of the lists of records, only the document that the image is in."""

    def __init__(self, image: Image, number: int) -> None:
        self._own = f"records/images/{image.id[-1]}.json"
        self._number = number
        self.seen = 0

    def is_now(self, call: Call) -> bool:
        matters = not call.key.startswith("records/") or call.key == self._own
        self.seen += matters
        return matters and self.seen == self._number


def assert_nothing(
    operation: Any, store: ObjectStore, where: Settings, records: Catalogue, image: Image, original: Content
) -> None:
    """Assert that nothing was lost; what is being erased may go."""
    if operation is not remove:
        assert_nothing_lost(store, where, records, image, original)


def _finish(operation: Callable[[DeletableKind, str], None], image_id: str, check: Callable[[], None]) -> None:
    """Run an operation that was cut off again; one that had done all of its work says so."""
    check()
    try:
        operation(RecordKind.IMAGE, image_id)
    except (Conflict, NotFound) as error:
        if not any(word in str(error) for word in ("is deleted", "is available", "no image")):
            raise


def _begin_anew(store: ObjectStore, records: Catalogue, image: Image, original: Content, operation: Any) -> None:
    if operation is delete:
        restore(RecordKind.IMAGE, image.id)
    elif operation is remove:
        for name, (body, content_type, metadata) in original.items():
            bucket, _, key = name.partition("/")
            store.write(bucket, key, body, content_type=content_type, metadata=metadata)
        records.images.create(image)


@pytest.mark.slow
@on_both
@each_operation
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_write_loses_nothing_and_the_next_run_finishes(
    store: ObjectStore,
    s3_settings: Settings,
    own_catalogue: Catalogue,
    image: Image,
    through: Faults,
    stride: int,
    before: list[Callable[[DeletableKind, str], None]],
    operation: Callable[[DeletableKind, str], None],
    moment: str,
) -> None:
    original = objects(store, s3_settings)
    cases = 0
    for number in count(step=stride):
        for step in before:
            if catalogue().images.get(image.id).collection is Collection.AVAILABLE:
                step(RecordKind.IMAGE, image.id)
        if not killed(through, number, moment, lambda: operation(RecordKind.IMAGE, image.id)):
            break
        cases += 1
        _finish(
            operation, image.id, lambda: assert_nothing(operation, store, s3_settings, own_catalogue, image, original)
        )
        assert_whole(store, s3_settings, image, original, operation)
        _begin_anew(store, own_catalogue, image, original, operation)
    assert cases * stride > 5
    print(f"\n{operation.__name__}: killed {moment} each of {cases} writes")


def test_a_server_that_gives_copies_another_etag_makes_no_link_untrue(
    store: ObjectStore, s3_settings: Settings, own_catalogue: Catalogue, recipe: Recipe, through: Faults
) -> None:
    assert recipe.link is not None
    etag = write_parts(store, recipe.link.bucket, recipe.link.key, [8 * MiB, 8 * MiB]).etag
    of_parts = Link(path=recipe.link.path, etag=etag)
    own_catalogue.recipes.change(recipe.id, lambda known: known.model_copy(update={"link": of_parts}))
    before = objects(store, s3_settings)
    through.plan(when=makes_a_copy, after=lambda call: rewrite_whole(store, call.bucket, call.key), times=100)
    for operation in (delete, restore, delete, restore):
        operation(RecordKind.RECIPE, recipe.id)
        link = catalogue().recipes.get(recipe.id).link
        assert link is not None
        assert link.etag == store.head(link.bucket, link.key).etag != etag
    assert objects(store, s3_settings) == before


def makes_a_copy(call: Call) -> bool:
    is_whole = call.method == "PUT" and not call.query
    return call.key.endswith("recipe.tgz") and (is_whole or (call.method == "POST" and "uploadId" in call.query))


def test_what_is_missing_stops_the_deletion_before_the_first_move(
    store: ObjectStore, s3_settings: Settings, image: Image
) -> None:
    store.delete(s3_settings.boot_images_bucket, artifact_key(image.id, "kernel"))
    before = objects(store, s3_settings)
    with pytest.raises(NotFound, match=r"kernel of image .* is not there"):
        delete(RecordKind.IMAGE, image.id)
    assert (objects(store, s3_settings), catalogue().images.list()) == (before, [image])
    delete(RecordKind.IMAGE, image.id, force=True)
    record = catalogue().images.get(image.id)
    assert record.journal is not None
    assert record.journal.missing == [f"s3://{s3_settings.boot_images_bucket}/{artifact_key(image.id, 'kernel')}"]
    restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before


def test_a_record_is_not_restored_to_point_at_nothing(store: ObjectStore, recipe: Recipe) -> None:
    assert recipe.link is not None
    archive, _ = store.read(recipe.link.bucket, recipe.link.key)
    store.delete(recipe.link.bucket, recipe.link.key)
    delete(RecordKind.RECIPE, recipe.id)
    with pytest.raises(NotFound, match=f"{recipe.link.path} was gone when the record was deleted"):
        restore(RecordKind.RECIPE, recipe.id)
    assert catalogue().recipes.get(recipe.id).collection is Collection.DELETED
    store.write(recipe.link.bucket, recipe.link.key, archive)
    restore(RecordKind.RECIPE, recipe.id)
    assert catalogue().recipes.list() == [recipe]


def test_nothing_is_overwritten_by_a_restoration(store: ObjectStore, s3_settings: Settings, image: Image) -> None:
    delete(RecordKind.IMAGE, image.id)
    store.write(s3_settings.boot_images_bucket, artifact_key(image.id, "kernel"), b"something new")
    before = objects(store, s3_settings)
    with pytest.raises(Conflict, match="another object is at"):
        restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    assert catalogue().images.get(image.id).collection is Collection.DELETED


def test_what_stands_in_the_place_of_a_deleted_object_is_not_erased_with_it(
    store: ObjectStore, s3_settings: Settings, image: Image
) -> None:
    delete(RecordKind.IMAGE, image.id)
    place = (s3_settings.boot_images_bucket, deleted_key(artifact_key(image.id, "kernel")))
    store.write(*place, b"something new")
    before = objects(store, s3_settings)
    with pytest.raises(Conflict, match=f"would go without .*{place[1]}"):
        remove(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    remove(RecordKind.IMAGE, image.id, force=True)
    assert list(objects(store, s3_settings)) == ["/".join(place)]


def _artifacts(count: int, **changes: Any) -> Callable[[Manifest], Manifest]:
    return lambda manifest: manifest.model_copy(
        update={"artifacts": [each.model_copy(update=changes) for each in manifest.artifacts[:count]]}
    )


def test_a_manifest_as_clients_write_it_is_deleted_and_restored_byte_for_byte(
    store: ObjectStore, s3_settings: Settings, own_catalogue: Catalogue, image: Image
) -> None:
    """Without etags and md5s, and with a type that is not known here: every object moves, and none is forgotten."""
    assert image.link is not None
    manifest = json.loads(store.read(image.link.bucket, image.link.key)[0])
    for artifact in manifest["artifacts"]:
        artifact["link"]["etag"] = None
        artifact.pop("md5")
    manifest["artifacts"][-1]["type"] = "application/vnd.cray.image.other"
    body = json.dumps(manifest, indent=7).encode()
    etag = store.write(image.link.bucket, image.link.key, body, content_type="application/json")
    link = Link(path=image.link.path, etag=f'"{etag}"')
    own_catalogue.images.change(image.id, lambda record: record.model_copy(update={"link": link}))
    before = objects(store, s3_settings)
    delete(RecordKind.IMAGE, image.id)
    assert not set(before) & set(objects(store, s3_settings))
    restore(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before


BAD_MANIFESTS: dict[str, tuple[Callable[[Manifest], bytes], type[ImsError], str]] = {
    "no JSON": (lambda _: b"{", Corrupt, "is not the manifest"),
    "empty": (lambda manifest: _artifacts(0)(manifest).model_dump_json().encode(), BadInput, "lists no artifacts"),
    "huge": (lambda _: b" " * (2 << 20), BadInput, "more than"),
    "twice": (
        lambda manifest: Manifest(artifacts=[*manifest.artifacts, manifest.artifacts[0]]).model_dump_json().encode(),
        BadInput,
        "twice",
    ),
    "elsewhere": (
        lambda manifest: (
            _artifacts(5, link=Link(path="s3://other/key"))(_artifacts(1)(manifest)).model_dump_json().encode()
        ),
        BadInput,
        "none of our buckets",
    ),
}


@pytest.mark.parametrize(("make", "kind", "said"), BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_a_manifest_that_is_none_is_refused_and_nothing_moves(
    store: ObjectStore,
    s3_settings: Settings,
    own_catalogue: Catalogue,
    image: Image,
    make: Callable[[Manifest], bytes],
    kind: type[ImsError],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert image.link is not None
    body, _ = store.read(image.link.bucket, image.link.key)
    etag = store.write(image.link.bucket, image.link.key, make(Manifest.model_validate_json(body)))
    link = Link(path=image.link.path, etag=etag)
    own_catalogue.images.change(image.id, lambda record: record.model_copy(update={"link": link}))
    before = objects(store, s3_settings)
    with pytest.raises(kind, match=said):
        delete(RecordKind.IMAGE, image.id)
    assert objects(store, s3_settings) == before
    assert [record.id for record in own_catalogue.images.list()] == [image.id]

    delete(RecordKind.IMAGE, image.id, force=True)
    with pytest.raises(Conflict, match=f"would go without .*{artifact_key(image.id, 'kernel')}"):
        remove(RecordKind.IMAGE, image.id)
    assert own_catalogue.images.get(image.id).collection is Collection.DELETED
    with caplog.at_level("WARNING", logger="tasks.deletions"):
        remove(RecordKind.IMAGE, image.id, force=True)
    assert {f"s3://{name} is left" for name in before} <= set(caplog.messages)
    assert (objects(store, s3_settings), own_catalogue.images.list(None)) == (before, [])


def test_an_artifact_of_another_image_is_not_moved(
    store: ObjectStore, own_catalogue: Catalogue, image: Image, s3_settings: Settings
) -> None:
    assert image.link is not None
    thief = own_catalogue.images.create(Image(name="thief"))
    key = artifact_key(thief.id, "manifest.json")
    body, _ = store.read(image.link.bucket, image.link.key)
    etag = store.write(s3_settings.boot_images_bucket, key, body)
    link = Link(path=f"s3://{s3_settings.boot_images_bucket}/{key}", etag=etag)
    own_catalogue.images.change(thief.id, lambda record: record.model_copy(update={"link": link}))
    with pytest.raises(BadInput, match=f"is an artifact of image {image.id}"):
        delete(RecordKind.IMAGE, thief.id)


def test_a_record_that_is_not_deleted_is_neither_restored_nor_erased(image: Image) -> None:
    for operation in (restore, remove):
        with pytest.raises(Conflict, match="is available, not deleted"):
            operation(RecordKind.IMAGE, image.id)
    delete(RecordKind.IMAGE, image.id)
    with pytest.raises(Conflict, match="is deleted, not available"):
        delete(RecordKind.IMAGE, image.id)


def test_a_recipe_that_a_job_is_building_from_is_not_deleted(own_catalogue: Catalogue, recipe: Recipe) -> None:
    job = own_catalogue.jobs.create(
        Job(job_type=JobType.CREATE, artifact_id=recipe.id, public_key_id=new_id(), image_root_archive_name="x")
    )
    with pytest.raises(Conflict, match=f"job {job.id} is using {recipe.id}"):
        delete(RecordKind.RECIPE, recipe.id)
    own_catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.ERROR}))
    delete(RecordKind.RECIPE, recipe.id)


def test_an_image_that_a_job_customizes_is_not_deleted(own_catalogue: Catalogue, image: Image) -> None:
    job = own_catalogue.jobs.create(
        Job(job_type=JobType.CUSTOMIZE, artifact_id=image.id, public_key_id=new_id(), image_root_archive_name="changed")
    )
    own_catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.WAITING_ON_USER}))
    with pytest.raises(Conflict, match=f"job {job.id} is using {image.id}: it is waiting_on_user"):
        delete(RecordKind.IMAGE, image.id)
    assert own_catalogue.images.get(image.id) == image


def test_the_public_key_of_a_job_is_deleted_while_its_shell_is_open(own_catalogue: Catalogue) -> None:
    """The configuration service deletes its key as soon as it has connected; the job has a copy of it."""
    key = own_catalogue.public_keys.create(PublicKey(name="mine", public_key=KEY))
    asked = {"job_type": "customize", "artifact_id": new_id(), "public_key_id": key.id, "image_root_archive_name": "x"}
    job = open_job(own_catalogue, new_id(), "", asked)
    own_catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.WAITING_ON_USER}))
    delete(RecordKind.PUBLIC_KEY, key.id)
    remove(RecordKind.PUBLIC_KEY, key.id)
    # A run that continues the job opens its shell by that key.
    known = own_catalogue.jobs.get(job.id)
    assert ssh_key_of_job(own_catalogue, known).authorized_line == KEY


def test_the_public_key_of_a_job_that_has_no_copy_of_it_is_kept_until_the_job_ends(own_catalogue: Catalogue) -> None:
    """Earlier releases have opened such jobs."""
    key = own_catalogue.public_keys.create(PublicKey(name="mine", public_key=KEY))
    job = own_catalogue.jobs.create(
        Job(job_type=JobType.CUSTOMIZE, artifact_id=new_id(), public_key_id=key.id, image_root_archive_name="changed")
    )
    assert ssh_key_of_job(own_catalogue, job).authorized_line == KEY
    with pytest.raises(Conflict, match=f"job {job.id} is using {key.id}: it is creating"):
        delete(RecordKind.PUBLIC_KEY, key.id)
    own_catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.ERROR}))
    delete(RecordKind.PUBLIC_KEY, key.id)
    with pytest.raises(NotFound, match=key.id):
        ssh_key_of_job(own_catalogue, job)


def test_two_deletions_from_the_same_place_lose_nothing(
    store: ObjectStore, s3_settings: Settings, own_catalogue: Catalogue, recipe: Recipe
) -> None:
    delete(RecordKind.RECIPE, recipe.id)
    assert recipe.link is not None
    etag = store.write(recipe.link.bucket, recipe.link.key, b"another archive")
    second = own_catalogue.recipes.create(
        Recipe(name="second", linux_distribution="sles15", link=Link(path=recipe.link.path, etag=etag))
    )
    before = objects(store, s3_settings)
    with pytest.raises(Conflict, match="is taken"):
        delete(RecordKind.RECIPE, second.id)
    assert objects(store, s3_settings) == before


def test_the_time_of_a_deletion_is_noted(image: Image) -> None:
    delete(RecordKind.IMAGE, image.id)
    deleted = catalogue().images.get(image.id).deleted
    assert deleted is not None
    assert deleted - image.created < timedelta(minutes=1)


def test_a_job_that_begins_while_its_image_is_being_deleted_keeps_it(
    store: ObjectStore, s3_settings: Settings, own_catalogue: Catalogue, image: Image, through: Faults
) -> None:
    before = objects(store, s3_settings)
    job = Job(job_type=JobType.CUSTOMIZE, artifact_id=image.id, public_key_id=new_id(), image_root_archive_name="x")
    record = f"records/images/{image.id[-1]}.json"

    def begin(_: Call) -> None:
        own_catalogue.jobs.create(job)

    # Its record is there when the deletion is written down, and was not when the deletion looked for jobs.
    through.plan(when=lambda call: call.is_write and call.key == record, before=begin)
    with pytest.raises(Conflict, match=f"job {job.id} is using {image.id}"):
        delete(RecordKind.IMAGE, image.id)
    assert (objects(store, s3_settings), own_catalogue.images.list()) == (before, [image])
