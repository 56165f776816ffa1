"""storage/reconcile/references.py: what the records refer to, in whatever collection they are."""

import pytest

from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key, deleted_key, fingerprint_key, records_key
from storage.models.records import Collection, Image, Journal, Link, Move, Recipe, Record, new_id
from storage.reconcile.findings import Outcome
from storage.reconcile.references import References, read_references
from storage.records.jobs import image_id_of
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

MOVE = Move(source="s3://boot/source", target="s3://boot/target", etag="e", size=1)
JOURNAL = Journal(link=Link(path="s3://boot/before"), moves=[MOVE], missing=["s3://boot/missing"])
OF_JOURNAL = {"s3://boot/source", "s3://boot/target", "s3://boot/before", "s3://boot/missing"}
each_state = pytest.mark.parametrize("state", Collection)


def read(stored: Stored) -> References:
    return read_references(stored.store, stored.catalogue)


def test_records_links_manifests_and_logs_are_referred_to(stored: Stored) -> None:
    image, recipe = stored.image(), stored.recipe()
    job = stored.job(Link(path="s3://ims/log"))
    found = read(stored)
    assert found.addresses == {*stored.uris(), "s3://ims/log"}
    assert found.owners == {image.id, recipe.id}
    assert found.jobs == {job.id: job}
    assert found.makers == {image_id_of(job.id): job}
    assert (found.moving, found.unreadable) == (set(), [])


@each_state
def test_a_record_refers_to_its_objects_and_its_journal_in_every_collection(stored: Stored, state: Collection) -> None:
    image = stored.uploaded().model_copy(update={"collection": state, "journal": JOURNAL})
    recipe = Recipe(
        name="r", linux_distribution="sles15", collection=state, link=Link(path="s3://ims/r"), journal=JOURNAL
    )
    stored.catalogue.images.create(image)
    stored.catalogue.recipes.create(recipe)
    found = read(stored)
    assert image.link is not None
    assert found.addresses >= {image.link.path, "s3://ims/r", *OF_JOURNAL}
    assert found.owners == {image.id, recipe.id}
    # While objects move, the journal names them, and not the manifest.
    assert (stored.uris() <= found.addresses) is not state.is_transition
    assert found.moving == (OF_JOURNAL if state.is_transition else set())


@each_state
def test_what_is_held_depends_on_the_collection(stored: Stored, state: Collection) -> None:
    recipe = Recipe(
        name="r", linux_distribution="sles15", collection=state, link=Link(path="s3://ims/r"), journal=JOURNAL
    )
    stored.catalogue.recipes.create(recipe)
    expected = {Collection.AVAILABLE: [["s3://ims/r"]], Collection.DELETED: [["s3://ims/r", "s3://boot/target"]]}
    assert [each.paths for each in read(stored).held] == expected.get(state, [])


def test_a_deletion_that_went_on_without_an_object_does_not_hold_it(stored: Stored) -> None:
    image = stored.uploaded()
    bucket = stored.settings.boot_images_bucket
    gone = f"s3://{bucket}/missing"
    record = image.model_copy(update={"link": Link(path=gone), "journal": Journal(missing=[gone])})
    recipe = Recipe(name="r", linux_distribution="sles15", link=Link(path=gone), journal=Journal(missing=[gone]))
    stored.catalogue.recipes.create(recipe)
    assert [each.paths for each in read(stored).held] == [[]]
    assert gone in read(stored).addresses
    assert record.id not in read(stored).owners


def test_an_image_holds_what_its_manifest_lists_once(stored: Stored) -> None:
    stored.image()
    (held,) = read(stored).held
    assert held.kind is RecordKind.IMAGE
    assert sorted(held.paths) == sorted(stored.uris())


def test_an_image_refers_to_its_fingerprint_which_is_no_loss_when_it_is_gone(stored: Stored) -> None:
    image = stored.catalogue.images.create(stored.uploaded().model_copy(update={"inputs_digest": "0" * 64}))
    found = read(stored)
    path = f"s3://{stored.settings.boot_images_bucket}/{fingerprint_key(image.id)}"
    assert path in found.addresses
    assert [path in each.paths for each in found.held] == [False]
    target = f"s3://{stored.settings.boot_images_bucket}/{deleted_key(fingerprint_key(image.id))}"
    moves = [Move(source=path, target=target, etag="e", size=1)]
    stored.catalogue.images.change(
        image.id,
        lambda known: known.model_copy(update={"collection": Collection.DELETED, "journal": Journal(moves=moves)}),
    )
    found = read(stored)
    assert target in found.addresses
    assert [target in each.paths for each in found.held] == [False]


@pytest.mark.parametrize("change", ["gone", "replaced", "not a manifest"])
def test_an_image_without_a_readable_manifest_needs_a_user(stored: Stored, change: str) -> None:
    image = stored.image()
    bucket, key = stored.settings.boot_images_bucket, artifact_key(image.id, "manifest.json")
    if change == "gone":
        stored.store.delete(bucket, key)
    else:
        link = stored.manifest(image.id, b"{")
        if change == "not a manifest":
            stored.catalogue.images.change(image.id, lambda known: known.model_copy(update={"link": link}))
    found = read(stored)
    (finding,) = found.unreadable
    assert (finding.what, finding.outcome) == (f"image {image.id}", Outcome.NEEDS_YOU)
    assert "what it holds is not known" in finding.why
    # What is not known is not reported as lost.
    assert found.held == []
    assert image.id in found.owners
    assert f"s3://{bucket}/{key}" in found.addresses


@pytest.mark.parametrize("kind", [RecordKind.IMAGE, RecordKind.RECIPE, RecordKind.JOB])
def test_a_record_that_cannot_be_read_is_reported_and_the_others_are_read(stored: Stored, kind: RecordKind) -> None:
    records: dict[RecordKind, Record] = {
        RecordKind.IMAGE: stored.image(),
        RecordKind.RECIPE: stored.recipe(),
        RecordKind.JOB: stored.job(),
    }
    broken = records.pop(kind)
    bucket, key = stored.settings.bucket, records_key(kind.documents, broken.id[-1])
    body, _ = stored.store.read(bucket, key)
    stored.store.write(bucket, key, body.replace(b'"created":"2', b'"created":"x'))
    found = read(stored)
    assert [finding.what for finding in found.unreadable] == [f"{kind} {broken.id}"]
    assert {*found.owners, *found.jobs} == {record.id for record in records.values()}


def test_an_image_without_a_link_is_an_owner_and_holds_nothing(stored: Stored) -> None:
    image = stored.catalogue.images.create(Image(id=new_id(), name="not linked yet"))
    found = read(stored)
    assert (found.owners, found.addresses, found.unreadable) == ({image.id}, set(), [])
    assert [each.paths for each in found.held] == [[]]
