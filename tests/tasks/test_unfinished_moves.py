"""tasks/unfinished_moves.py: what was cut off is finished, unless somebody is at work on it or somebody is needed."""

from collections.abc import Callable

import pytest

from errors import Conflict, NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import RecordKind
from storage.models.layout import artifact_key, deleted_key
from storage.models.records import Collection, Image, new_id
from storage.reconcile.findings import Kind, Outcome
from tasks.deletions import begin_deletion, begin_erasure, begin_restoration, finish_deletion, move_away, resume
from tasks.unfinished_moves import repair_moves
from tests.tasks.scene import Scene


def _deleting(image: Image) -> None:
    begin_deletion.fn(RecordKind.IMAGE, image.id, False)


def _deleted(image: Image) -> None:
    record = begin_deletion.fn(RecordKind.IMAGE, image.id, False)
    move_away.fn(record)
    finish_deletion.fn(RecordKind.IMAGE, record)


def _restoring(image: Image) -> None:
    _deleted(image)
    begin_restoration.fn(RecordKind.IMAGE, image.id)


def _erasing(image: Image) -> None:
    _deleted(image)
    begin_erasure.fn(RecordKind.IMAGE, image.id, False)


def begin(scene: Scene, image: Image, way: Callable[[Image], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Put an image on its way by a flow run, which stays at work, and return the run's id."""
    run_id = scene.run()
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run_id)
    way(image)
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID")
    return run_id


@pytest.mark.parametrize(
    ("way", "arrives"),
    [(_deleting, Collection.DELETED), (_restoring, Collection.AVAILABLE), (_erasing, None)],
    ids=["deleting", "restoring", "erasing"],
)
def test_a_move_whose_run_has_ended_is_finished(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, way: Callable[[Image], None], arrives: Collection | None
) -> None:
    image = scene.image()
    before = scene.keys()
    run_id = begin(scene, image, way, monkeypatch)
    cut_off = scene.catalogue.images.get(image.id)

    (at_work,) = repair_moves.fn(apply=True)
    assert (at_work.kind, at_work.outcome, run_id in at_work.why) == (Kind.MOVE, Outcome.AT_WORK, True)
    assert scene.catalogue.images.get(image.id) == cut_off

    scene.end(run_id)
    (shown,) = repair_moves.fn(apply=False)
    assert (shown.outcome, shown.action) == (Outcome.PENDING, "finish it")
    assert scene.catalogue.images.get(image.id) == cut_off

    (done,) = repair_moves.fn(apply=True)
    assert done.outcome is Outcome.DONE
    assert [record.collection for record in scene.catalogue.images.list(None)] == ([arrives] if arrives else [])
    if arrives is Collection.AVAILABLE:
        assert (scene.keys(), scene.catalogue.images.list()) == (before, [image])
    elif arrives is None:
        assert scene.keys() == set()
    assert repair_moves.fn(apply=True) == []


def test_a_move_that_cannot_be_finished_is_reported_and_the_others_are_finished(scene: Scene) -> None:
    images = sorted([scene.image(), scene.image(), scene.image()], key=lambda image: image.created)
    for image in images:
        _deleting(image)
    bucket = scene.settings.boot_images_bucket
    scene.store.write(bucket, deleted_key(artifact_key(images[0].id, "kernel")), b"another")
    scene.store.delete(bucket, artifact_key(images[1].id, "kernel"))
    findings = repair_moves.fn(apply=True)
    assert [finding.outcome for finding in findings] == [Outcome.NEEDS_YOU, Outcome.NEEDS_YOU, Outcome.DONE]
    assert "is taken by another object" in findings[0].why
    assert "is gone" in findings[1].why
    scene.store.delete(bucket, deleted_key(artifact_key(images[0].id, "kernel")))
    assert [finding.outcome for finding in repair_moves.fn(apply=True)] == [Outcome.DONE, Outcome.NEEDS_YOU]


def test_a_deletion_is_not_finished_while_a_job_is_using_the_record(scene: Scene) -> None:
    recipe = scene.recipe()
    begin_deletion.fn(RecordKind.RECIPE, recipe.id, False)
    fields = {"artifact_id": recipe.id, "public_key_id": new_id(), "image_root_archive_name": "x"}
    job = scene.catalogue.jobs.create(Job.model_validate({"job_type": JobType.CREATE, **fields}))
    (finding,) = repair_moves.fn(apply=True)
    assert (finding.outcome, job.id in finding.why) == (Outcome.NEEDS_YOU, True)
    scene.catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.ERROR}))
    assert [each.outcome for each in repair_moves.fn(apply=True)] == [Outcome.DONE]


def test_resuming_puts_no_record_in_transition(scene: Scene) -> None:
    image = scene.image()
    with pytest.raises(Conflict, match="is available, not deleting"):
        resume.fn(RecordKind.IMAGE, image.id, Collection.DELETING)
    with pytest.raises(NotFound):
        resume.fn(RecordKind.IMAGE, new_id(), Collection.DELETING)
    assert scene.catalogue.images.list() == [image]
