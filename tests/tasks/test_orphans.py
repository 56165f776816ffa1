"""tasks/orphans.py: what nobody needs goes, and nothing else ever does."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from errors import Unreachable
from storage.models.jobs import JobStatus
from storage.models.kinds import DeletableKind, RecordKind
from storage.models.layout import artifact_key, ca_rpm_key, credentials_key, deleted_key, job_key, script_key
from storage.models.records import Collection, Image, Journal, Link, Move, Recipe, Record, new_id
from storage.reconcile.findings import Finding, Outcome
from storage.records.catalogue import Catalogue
from storage.records.jobs import image_id_of
from storage.s3.uploads import open_upload, unfinished_uploads
from tasks.deletions import begin_deletion, finish_deletion, move_away
from tasks.orphans import repair_orphans
from tests.faults import Call, Faults
from tests.tasks.scene import ARTIFACTS, HOUR, NO_AGE, Scene, told

FILES = {*ARTIFACTS, "manifest.json"}


def found(*, age: timedelta = NO_AGE) -> list[Finding]:
    return repair_orphans.fn(age, apply=False)


def applied(*, age: timedelta = NO_AGE) -> list[Finding]:
    return repair_orphans.fn(age, apply=True)


def test_objects_that_no_record_knows_go_when_that_is_said(scene: Scene) -> None:
    image, recipe = scene.image(), scene.recipe()
    kept = scene.keys()
    scene.upload(new_id())
    scene.archive(new_id())
    scene.store.write(scene.settings.bucket, job_key(new_id(), "prepare.log"), b"log")
    orphans = scene.keys() - kept

    before = scene.keys()
    assert told(found()) == dict.fromkeys({*FILES, "recipe.tgz", "prepare.log"}, "to be done")
    assert scene.keys() == before

    done = applied()
    assert {finding.outcome for finding in done} == {Outcome.DONE}
    assert len(done) == len(orphans) == 6
    assert all(finding.bytes and finding.age_seconds is not None for finding in done)
    assert scene.keys() == kept
    assert applied() == []
    assert (scene.catalogue.images.list(), scene.catalogue.recipes.list()) == ([image], [recipe])


def test_what_is_young_stays(scene: Scene) -> None:
    scene.upload(new_id())
    before = scene.keys()
    assert told(applied(age=HOUR)) == dict.fromkeys(FILES, "too young")
    assert scene.keys() == before


def test_what_a_living_job_has_made_is_no_orphan_whatever_its_age(scene: Scene) -> None:
    run_id = scene.run()
    job = scene.job(JobStatus.PACKAGING_ARTIFACTS, run_id=run_id)
    scene.upload(job.id)
    bucket = scene.settings.bucket
    scene.store.write(bucket, credentials_key(job.id), b"{}")
    scene.store.write(bucket, job_key(job.id, "context.tgz"), b"")
    unregistered = scene.run()
    scene.store.write(bucket, job_key(unregistered, "context.tgz"), b"")
    before = scene.keys()
    assert applied() == []
    assert scene.keys() == before
    for each in (run_id, unregistered):
        scene.end(each)
    applied()
    # What a job keeps goes with its record; credentials are for jobs at work.
    assert scene.keys() == {job_key(job.id, "context.tgz")}


def _custom_link(scene: Scene) -> None:
    """A record links a key of its own choice, in the place of something else even."""
    link = scene.archive(new_id())
    scene.catalogue.recipes.create(Recipe(name="r", linux_distribution="sles15", link=link))


def _manifest(scene: Scene) -> None:
    """An image's manifest lists artifacts below another prefix."""
    made = scene.upload(new_id())
    scene.catalogue.images.create(made.model_copy(update={"id": new_id()}))


def _deleted(scene: Scene) -> None:
    held: list[tuple[DeletableKind, Record]] = [
        (RecordKind.IMAGE, scene.image()),
        (RecordKind.RECIPE, scene.recipe()),
    ]
    for kind, record in held:
        begun = begin_deletion.fn(kind, record.id, False)
        move_away.fn(begun)
        finish_deletion.fn(kind, begun)


def _half_deleted(scene: Scene) -> None:
    """Only the journal names the objects: one is at its source still, one at both places."""
    image = scene.image()
    begin_deletion.fn(RecordKind.IMAGE, image.id, False)
    bucket, key = scene.settings.boot_images_bucket, artifact_key(image.id, "kernel")
    body, info = scene.store.read(bucket, key)
    scene.store.write(bucket, deleted_key(key), body, metadata=info.metadata)
    scene.catalogue.images.change(image.id, lambda record: record.model_copy(update={"link": None}))


def _journal_alone(scene: Scene) -> None:
    """A journal of another record moves them."""
    made = scene.upload(new_id())
    bucket = scene.settings.boot_images_bucket
    keys = [artifact_key(made.id, name) for name in FILES]
    moves = [
        Move(source=f"s3://{bucket}/elsewhere-{number}", target=f"s3://{bucket}/{key}", etag="e", size=1)
        for number, key in enumerate(keys)
    ]
    scene.catalogue.images.create(Image(name="other", collection=Collection.ERASING, journal=Journal(moves=moves)))


def _owner(scene: Scene) -> None:
    """A record is there, and not linked yet."""
    made = scene.upload(new_id())
    scene.catalogue.images.create(Image(id=made.id, name="not linked yet"))


@pytest.mark.parametrize("refer", [_custom_link, _manifest, _deleted, _half_deleted, _journal_alone, _owner])
def test_what_is_referred_to_stays(scene: Scene, refer: Callable[[Scene], None]) -> None:
    refer(scene)
    before = scene.keys()
    outcomes = {finding.outcome for finding in applied()}
    assert outcomes <= {Outcome.LEFT}
    assert scene.keys() == before


def test_what_is_not_ours_is_counted_and_stays(scene: Scene) -> None:
    ims, boot = scene.settings.bucket, scene.settings.boot_images_bucket
    foreign = new_id()
    for bucket, key in [
        (ims, "somebody/else"),
        (ims, "records/notes.txt"),
        (ims, f"recipes/{foreign}/by-hand.tgz"),
        (boot, f"{foreign}/notes.txt"),
        (boot, f"{foreign}/rootfs"),
        (boot, f"deleted/{foreign}/kernel"),
        (boot, "PE/CPE-base.x86_64-26.11.squashfs"),
    ]:
        scene.store.write(bucket, key, b"12345")
    # Marked as an IMS marks its artifacts: the image's id does not follow from the job's.
    marks = {"x-shasta-ims-image-id": foreign, "x-shasta-ims-job-id": new_id()}
    scene.store.write(boot, f"{foreign}/initrd", b"12345", metadata=marks)
    before = scene.keys()
    counted = applied()
    assert scene.keys() == before
    assert {finding.outcome for finding in counted} == {Outcome.LEFT}
    assert sum(finding.bytes or 0 for finding in counted) == 8 * 5
    assert all(finding.why.startswith("not ours: ") for finding in counted)


@pytest.mark.parametrize("key", [ca_rpm_key("0" * 64), script_key("0" * 64, "change.sh")], ids=["CA RPM", "script"])
def test_what_no_record_refers_to_and_is_wanted_all_the_same_is_no_orphan(scene: Scene, key: str) -> None:
    """CA RPMs are a cache, and a schedule names its script by its address."""
    scene.store.write(scene.settings.bucket, key, b"x")
    assert applied() == []


@pytest.mark.parametrize("broken", ["manifest", "manifest gone", "image", "job"])
def test_nothing_is_an_orphan_while_something_cannot_be_read(scene: Scene, broken: str) -> None:
    image = scene.image()
    assert image.link is not None
    if broken == "manifest":
        etag = scene.store.write(image.link.bucket, image.link.key, b"{")
        link = Link(path=image.link.path, etag=etag)
        scene.catalogue.images.change(image.id, lambda record: record.model_copy(update={"link": link}))
    elif broken == "manifest gone":
        scene.store.delete(image.link.bucket, image.link.key)
    else:
        _break(scene, f"{broken}s", scene.job(JobStatus.ERROR).id if broken == "job" else image.id)
    scene.upload(new_id())
    scene.archive(new_id())
    before = scene.keys()
    findings = applied()
    assert scene.keys() == before
    assert sum(finding.outcome is Outcome.NEEDS_YOU for finding in findings) == 1
    assert not {finding.outcome for finding in findings} - {Outcome.NEEDS_YOU, Outcome.LEFT}


def _break(scene: Scene, kind: str, record_id: str) -> None:
    """Make a record one that this release cannot read."""
    bucket, key = scene.settings.bucket, f"records/{kind}/{record_id[-1]}.json"
    body, _ = scene.store.read(bucket, key)
    scene.store.write(bucket, key, body.replace(b'"created":"2', b'"created":"x'))


def test_records_whose_objects_are_gone_are_reported_and_stay(scene: Scene) -> None:
    image, recipe, job = scene.image(), scene.recipe(), scene.job(JobStatus.SUCCESS)
    bucket = scene.settings.bucket
    log = Link(path=f"s3://{bucket}/{job_key(job.id, 'prepare.log')}", etag="e")
    scene.catalogue.jobs.change(job.id, lambda record: record.model_copy(update={"logs": [log]}))
    assert recipe.link is not None
    scene.store.delete(recipe.link.bucket, recipe.link.key)
    scene.store.delete(scene.settings.boot_images_bucket, artifact_key(image.id, "kernel"))
    findings = applied()
    assert {finding.what: finding.outcome for finding in findings} == {
        f"{kind} {record.id}": Outcome.NEEDS_YOU
        for kind, record in (("image", image), ("recipe", recipe), ("job", job))
    }
    assert all("is gone" in finding.why for finding in findings)
    assert scene.catalogue.images.list() == [image]


def test_what_is_published_between_the_listing_and_the_reading_is_referred_to(scene: Scene, through: Faults) -> None:
    made = scene.upload(new_id())
    own = f"records/images/{made.id[-1]}.json"

    def publish(_: Call) -> None:
        scene.catalogue.images.create(made)

    through.plan(when=lambda call: call.key == own, before=publish)
    assert applied() == []
    assert [call.key for call in through.calls if call.query.get("list-type") or call.key == own][-1] == own


def test_an_object_that_was_written_again_since_it_was_listed_stays(scene: Scene, through: Faults) -> None:
    made = scene.archive(new_id())
    bucket, key = made.bucket, made.key
    # A second later: the headers of an object carry no fractions.
    time.sleep(2)

    def write(_: Call) -> None:
        scene.store.write(bucket, key, b"archive", metadata=scene.store.head(bucket, key).metadata)

    # The first look at the object is for its marks, the second comes before the removal.
    seen: list[Call] = []

    def is_the_second_look(call: Call) -> bool:
        seen.extend([call] if call.key == key and call.method == "HEAD" else [])
        return len(seen) == 2

    through.plan(when=is_the_second_look, before=write)
    (finding,) = applied()
    assert (finding.outcome, "was written again" in finding.why) == (Outcome.NEEDS_YOU, True)
    assert scene.keys() == {key}


def test_what_is_registered_while_others_are_removed_stays(scene: Scene, through: Faults) -> None:
    """The records are read once more before the first removal."""
    link = scene.archive(new_id())
    recipe = Recipe(name="r", linux_distribution="sles15", link=link)

    def register(_: Call) -> None:
        scene.catalogue.recipes.create(recipe)

    through.plan(when=lambda call: call.key == link.key, after=register)
    (finding,) = applied()
    assert (finding.outcome, "is referred to by now" in finding.why) == (Outcome.NEEDS_YOU, True)
    assert scene.catalogue.recipes.list() == [recipe]
    assert scene.keys() == {link.key}


def test_old_uploads_that_no_job_continues_are_aborted(scene: Scene) -> None:
    job = scene.job(JobStatus.PACKAGING_ARTIFACTS, run_id=scene.run())
    lost = scene.job(JobStatus.ERROR)
    bucket = scene.settings.boot_images_bucket
    for key in (
        artifact_key(image_id_of(job.id), "rootfs"),
        artifact_key(image_id_of(lost.id), "rootfs"),
        artifact_key(new_id(), "kernel"),
        "somebody/else",
    ):
        open_upload(scene.store, bucket, key, content_type="a/b", metadata={})
    assert sorted(str(finding.outcome) for finding in applied(age=HOUR)) == ["left", "too young", "too young"]
    assert len(unfinished_uploads(scene.store, bucket, "")) == 4
    findings = applied()
    assert sorted(str(finding.outcome) for finding in findings) == ["done", "done", "left"]
    left = {upload.key for upload in unfinished_uploads(scene.store, bucket, "")}
    assert left == {artifact_key(image_id_of(job.id), "rootfs"), "somebody/else"}


def test_the_upload_of_a_move_that_is_not_finished_stays(scene: Scene) -> None:
    image = scene.image()
    begin_deletion.fn(RecordKind.IMAGE, image.id, False)
    bucket = scene.settings.boot_images_bucket
    key = deleted_key(artifact_key(image.id, "rootfs"))
    open_upload(scene.store, bucket, key, content_type="a/b", metadata={})
    assert applied() == []


def test_without_prefects_word_nothing_is_taken_for_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    scene.upload(new_id())
    before = scene.keys()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(Unreachable):
        applied()
    assert scene.keys() == before


def test_a_catalogue_of_nothing_is_in_order(own_catalogue: Catalogue) -> None:
    assert applied() == []
