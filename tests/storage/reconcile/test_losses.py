"""storage/reconcile/losses.py: what is lost is reported, and never repaired."""

import pytest

from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key, job_key
from storage.models.records import Collection, Link
from storage.reconcile.findings import Finding, Kind, Outcome
from storage.reconcile.losses import REMEDIES, losses
from storage.reconcile.references import Held, read_references
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory


def lost(stored: Stored, *present: str) -> list[Finding]:
    return losses(stored.store, stored.catalogue, held(stored), set(present))


def held(stored: Stored) -> list[Held]:
    return read_references(stored.store, stored.catalogue).held


def test_nothing_is_lost_while_all_objects_are_there(stored: Stored) -> None:
    stored.image()
    stored.recipe()
    stored.job(stored.archive("a"))
    assert lost(stored) == []


def test_a_record_is_reported_with_each_object_that_is_gone(stored: Stored) -> None:
    image, bucket = stored.image(), stored.settings.boot_images_bucket
    keys = [artifact_key(image.id, name) for name in ("rootfs", "kernel")]
    for key in keys:
        stored.store.delete(bucket, key)
    why = f"s3://{bucket}/{keys[0]} is gone; s3://{bucket}/{keys[1]} is gone; {REMEDIES[RecordKind.IMAGE]}"
    assert lost(stored) == [Finding(kind=Kind.RECORD, what=f"image {image.id}", why=why, outcome=Outcome.NEEDS_YOU)]


@pytest.mark.parametrize("kind", [RecordKind.RECIPE, RecordKind.JOB])
def test_each_kind_says_what_a_user_can_do_and_nothing_is_changed(stored: Stored, kind: RecordKind) -> None:
    recipe = stored.recipe()
    assert recipe.link is not None
    job = stored.job(Link(path=f"s3://{stored.settings.bucket}/{job_key('x', 'prepare.log')}"))
    stored.store.delete(recipe.link.bucket, recipe.link.key)
    before = stored.catalogue.recipes.list(None), stored.catalogue.jobs.list(None), stored.uris()
    found = {finding.what: finding for finding in lost(stored)}
    assert found.keys() == {f"recipe {recipe.id}", f"job {job.id}"}
    finding = next(found[what] for what in found if what.startswith(kind))
    assert finding.why.endswith(REMEDIES[kind])
    assert (finding.outcome, finding.action) == (Outcome.NEEDS_YOU, "")
    assert (stored.catalogue.recipes.list(None), stored.catalogue.jobs.list(None), stored.uris()) == before


def test_what_is_known_to_be_there_is_not_looked_for(stored: Stored) -> None:
    recipe = stored.recipe()
    assert recipe.link is not None
    stored.store.delete(recipe.link.bucket, recipe.link.key)
    assert lost(stored, recipe.link.path) == []


def test_an_object_in_a_bucket_that_is_not_there_is_lost(stored: Stored) -> None:
    job = stored.job(Link(path="s3://other-bucket/log"))
    (finding,) = lost(stored)
    assert finding.what == f"job {job.id}"
    assert finding.why.startswith("s3://other-bucket/log is gone")


def test_a_record_that_was_changed_or_removed_since_is_no_loss(stored: Stored) -> None:
    image, recipe = stored.image(), stored.recipe()
    known = held(stored)
    for uri in stored.uris():
        link = Link(path=uri)
        stored.store.delete(link.bucket, link.key)
    assert len(losses(stored.store, stored.catalogue, known, set())) == 2
    stored.catalogue.images.change(
        image.id, lambda record: record.model_copy(update={"collection": Collection.DELETING})
    )
    stored.catalogue.recipes.remove(recipe.id)
    assert losses(stored.store, stored.catalogue, known, set()) == []
