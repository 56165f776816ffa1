"""storage/reconcile/orphans.py: what is an orphan, and what never is; tests/tasks/test_orphans.py has Prefect."""

from collections.abc import Callable, Container
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.models.layout import (
    artifact_key,
    ca_rpm_key,
    credentials_key,
    deleted_key,
    job_key,
    script_key,
)
from storage.models.records import Collection, Image, Journal, Link, Move, Recipe, new_id
from storage.reconcile.findings import Finding, Kind, Outcome, repaired
from storage.reconcile.orphans import FOREIGN, UNKNOWN_HOLDINGS, UNMARKED, Orphans
from storage.reconcile.references import read_references
from storage.records.jobs import image_id_of
from storage.s3.listings import listing
from storage.s3.uploads import open_upload, unfinished_uploads
from tests.memory_s3.fixtures import in_memory
from tests.storage.stored import Stored

pytestmark = in_memory

LIMIT = timedelta(days=1)
OLD = timedelta(days=2)


def orphans(stored: Stored, at_work: Container[str] = (), *, old: timedelta = OLD) -> Orphans:
    """Look for orphans as if all objects had been written some time ago."""
    listings = [listing(stored.store, bucket) for bucket in stored.buckets]
    return Orphans(
        store=stored.store,
        settings=stored.settings,
        listings=[replace(each, taken=each.taken + old) for each in listings],
        read=lambda: read_references(stored.store, stored.catalogue),
        is_at_work=lambda job_id: job_id in at_work,
        age=LIMIT,
    )


def applied(stored: Stored, at_work: Container[str] = (), *, old: timedelta = OLD) -> list[Finding]:
    """Remove the orphans among the objects."""
    return repaired(orphans(stored, at_work, old=old).objects(), apply=True)


def _job_log(stored: Stored) -> None:
    stored.store.write(stored.settings.bucket, job_key(new_id(), "prepare.log"), b"log")


ORPHANS: dict[str, tuple[Callable[[Stored], object], int]] = {
    "an image's objects": (lambda stored: stored.uploaded(), 3),
    "a recipe's archive": (lambda stored: stored.archive(new_id()), 1),
    "a job's log": (_job_log, 1),
}


@pytest.mark.parametrize(("make", "count"), ORPHANS.values(), ids=ORPHANS)
def test_what_no_record_refers_to_is_removed_when_it_is_old_enough(
    stored: Stored, make: Callable[[Stored], object], count: int
) -> None:
    stored.image()
    kept = stored.uris()
    make(stored)
    made = stored.uris() - kept
    found = [remedy.finding for remedy in orphans(stored).objects()]
    assert {finding.what: finding.outcome for finding in found} == dict.fromkeys(made, Outcome.PENDING)
    assert len(made) == count
    assert stored.uris() == made | kept
    assert {finding.outcome for finding in applied(stored)} == {Outcome.DONE}
    assert stored.uris() == kept


@pytest.mark.parametrize(
    ("old", "outcome"),
    [(LIMIT - timedelta(minutes=1), Outcome.YOUNG), (LIMIT + timedelta(minutes=1), Outcome.DONE)],
    ids=["younger", "older"],
)
def test_the_limit_parts_young_from_old(stored: Stored, old: timedelta, outcome: Outcome) -> None:
    stored.uploaded()
    assert [finding.outcome for finding in applied(stored, old=old)] == [outcome] * 3
    assert bool(stored.uris()) is (outcome is Outcome.YOUNG)


def _journal(stored: Stored, state: Collection) -> None:
    """Only a journal names the objects: two at their targets, one at its source."""
    stored.uploaded()
    names = sorted(stored.uris())
    elsewhere = "s3://boot/elsewhere"
    moves = [Move(source=elsewhere, target=path, etag="e", size=1) for path in names[1:]]
    moves.append(Move(source=names[0], target=elsewhere, etag="e", size=1))
    stored.catalogue.images.create(Image(name="other", collection=state, journal=Journal(moves=moves)))


def _manifest_of_another_prefix(stored: Stored, state: Collection) -> None:
    made = stored.uploaded()
    stored.catalogue.images.create(made.model_copy(update={"id": new_id(), "collection": state}))


def _link(stored: Stored, state: Collection) -> None:
    link = stored.archive(new_id())
    stored.catalogue.recipes.create(Recipe(name="r", linux_distribution="sles15", link=link, collection=state))


def _missing(stored: Stored, state: Collection) -> None:
    """A user has put back what a deletion went on without."""
    path = stored.archive(new_id()).path
    stored.catalogue.images.create(Image(name="i", collection=state, journal=Journal(missing=[path])))


def _not_linked_yet(stored: Stored, state: Collection) -> None:
    stored.catalogue.images.create(Image(id=stored.uploaded().id, name="i", collection=state))


REFERENCES = [_journal, _link, _missing, _not_linked_yet]


@pytest.mark.parametrize("state", Collection)
@pytest.mark.parametrize("refer", REFERENCES, ids=lambda refer: refer.__name__)
def test_what_a_record_of_any_collection_refers_to_is_never_removed(
    stored: Stored, refer: Callable[[Stored, Collection], None], state: Collection
) -> None:
    refer(stored, state)
    before = stored.uris()
    assert {finding.outcome for finding in applied(stored)} <= {Outcome.LEFT}
    assert stored.uris() == before != set()


@pytest.mark.parametrize("state", [Collection.AVAILABLE, Collection.DELETED])
def test_what_a_manifest_lists_is_never_removed(stored: Stored, state: Collection) -> None:
    _manifest_of_another_prefix(stored, state)
    before = stored.uris()
    assert applied(stored) == []
    assert stored.uris() == before


def test_what_a_job_at_work_may_have_made_is_no_orphan(stored: Stored) -> None:
    job_id = new_id()
    stored.uploaded(job_id=job_id)
    for key in (job_key(job_id, "context.tgz"), credentials_key(job_id)):
        stored.store.write(stored.settings.bucket, key, b"x")
    before = stored.uris()
    assert applied(stored, {job_id}) == []
    assert stored.uris() == before
    applied(stored)
    assert stored.uris() == set()


def test_a_job_keeps_its_objects_with_its_record_but_no_credentials(stored: Stored) -> None:
    job = stored.job()
    bucket = stored.settings.bucket
    kept = job_key(job.id, "context.tgz")
    for key in (kept, credentials_key(job.id)):
        stored.store.write(bucket, key, b"x")
    (finding,) = applied(stored)
    assert (finding.what, finding.why) == (f"s3://{bucket}/{credentials_key(job.id)}", "its job has ended")
    assert stored.uris() == {f"s3://{bucket}/{kept}"}


@pytest.mark.parametrize("key", [ca_rpm_key("0" * 64), script_key("0" * 64, "a.sh")], ids=["CA RPM", "script"])
def test_caches_and_scripts_are_no_orphans(stored: Stored, key: str) -> None:
    stored.store.write(stored.settings.bucket, key, b"x")
    assert applied(stored) == []


def test_what_this_system_has_not_made_is_counted_and_left(stored: Stored) -> None:
    ims, boot = stored.buckets
    for key in ("b/1", "b/2"):
        stored.store.write(ims, key, b"12345")
    stored.artifact(artifact_key(new_id(), "rootfs"))
    before = stored.uris()
    found = {finding.why: finding for finding in applied(stored)}
    assert found.keys() == {f"not ours: {FOREIGN}", f"not ours: {UNMARKED}"}
    foreign = found[f"not ours: {FOREIGN}"]
    assert (foreign.what, foreign.bytes, foreign.outcome) == (f"s3://{ims}/b/1 and 1 more", 10, Outcome.LEFT)
    assert found[f"not ours: {UNMARKED}"].what.startswith(f"s3://{boot}/")
    assert stored.uris() == before


def test_nothing_is_removed_while_a_manifest_cannot_be_read(stored: Stored) -> None:
    image = stored.image()
    stored.manifest(image.id, b"{")
    archive = stored.archive(new_id())
    before = stored.uris()
    found = {finding.what: finding for finding in applied(stored)}
    assert {finding.outcome for finding in found.values()} == {Outcome.LEFT}
    assert UNKNOWN_HOLDINGS in found[archive.path].why
    assert stored.uris() == before


def test_what_is_referred_to_since_is_left(stored: Stored) -> None:
    link, image = stored.archive(new_id()), stored.uploaded(names=[])
    found = orphans(stored).objects()
    stored.catalogue.recipes.create(Recipe(name="r", linux_distribution="sles15", link=link))
    stored.catalogue.images.create(Image(id=image.id, name="i"))
    before = stored.uris()
    findings = repaired(found, apply=True)
    assert [(each.outcome, "referred to by now" in each.why) for each in findings] == [(Outcome.NEEDS_YOU, True)] * 2
    assert stored.uris() == before


UPLOADS = {
    "of an image that no job makes": (lambda _, __: artifact_key(new_id(), "rootfs"), Outcome.DONE),
    "of a job that has ended": (lambda ended, _: artifact_key(image_id_of(ended), "rootfs"), Outcome.DONE),
    "of a job at work": (lambda _, at_work: artifact_key(image_id_of(at_work), "rootfs"), None),
    "of another system": (lambda _, __: "b/c", Outcome.LEFT),
}


@pytest.mark.parametrize(("key_of", "outcome"), UPLOADS.values(), ids=UPLOADS)
def test_an_unfinished_upload_is_aborted_when_no_job_continues_it(
    stored: Stored, key_of: Callable[[str, str], str], outcome: Outcome | None
) -> None:
    ended, at_work = stored.job().id, stored.job().id
    bucket = stored.settings.boot_images_bucket
    open_upload(stored.store, bucket, key_of(ended, at_work), content_type="a/b", metadata={})
    findings = repaired(orphans(stored, {at_work}).uploads(), apply=True)
    assert [(each.kind, each.outcome) for each in findings] == ([(Kind.UPLOAD, outcome)] if outcome else [])
    assert len(unfinished_uploads(stored.store, bucket, "")) == (outcome is not Outcome.DONE)


@pytest.mark.parametrize("state", Collection)
def test_the_upload_of_a_move_is_kept_while_the_record_is_in_transition(stored: Stored, state: Collection) -> None:
    bucket = stored.settings.boot_images_bucket
    key = deleted_key(artifact_key(new_id(), "rootfs"))
    open_upload(stored.store, bucket, key, content_type="a/b", metadata={})
    move = Move(source="s3://boot/a", target=f"s3://{bucket}/{key}", etag="e", size=1)
    stored.catalogue.images.create(Image(name="i", collection=state, journal=Journal(moves=[move])))
    assert bool(orphans(stored).uploads()) is not state.is_transition


def test_a_young_upload_is_left(stored: Stored) -> None:
    bucket = stored.settings.boot_images_bucket
    open_upload(stored.store, bucket, artifact_key(new_id(), "rootfs"), content_type="a/b", metadata={})
    findings = repaired(orphans(stored, old=timedelta(hours=1)).uploads(), apply=True)
    assert [finding.outcome for finding in findings] == [Outcome.YOUNG]
    assert len(unfinished_uploads(stored.store, bucket, "")) == 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=st.lists(st.tuples(st.sampled_from([None, *Collection]), st.booleans(), st.booleans()), max_size=4),
    is_old=st.booleans(),
)
def test_only_old_objects_without_a_record_and_without_a_job_at_work_are_removed(
    stored: Stored, images: list[tuple[Collection | None, bool, bool]], is_old: bool
) -> None:
    stored.clear()
    at_work, kept = set[str](), set[str]()
    for state, is_linked, has_job in images:
        before, job_id = stored.uris(), new_id()
        made = stored.uploaded(job_id=job_id)
        if state is not None:
            link: Link | None = made.link if is_linked else None
            stored.catalogue.images.create(made.model_copy(update={"collection": state, "link": link}))
        if has_job:
            at_work.add(job_id)
        if state is not None or has_job:
            kept |= stored.uris() - before
    before = stored.uris()
    applied(stored, at_work, old=OLD if is_old else timedelta(0))
    assert stored.uris() == (kept if is_old else before)
