"""flows/reconcile.py and flows/delete_jobs.py as a user has them, on a running `ims up`."""

import json

import pytest

from errors import NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import artifact_key, job_key
from storage.models.records import Collection, Image, Journal, Link, Move, Recipe, new_id
from storage.records.jobs import image_id_of
from storage.s3.objects import ObjectStore
from tests.cli.running import Up, catalogue_of, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.containers]


@pytest.fixture
def store(up: Up) -> ObjectStore:
    """The running store."""
    return ObjectStore(settings_of(up.endpoints).s3)


def rows(up: Up, *arguments: str) -> tuple[dict[str, dict[str, str]], int, str]:
    """Return what `ims reconcile` finds by its name, its exit code, and what it says."""
    done = up.ims("reconcile", "--format", "json", *arguments)
    assert "Traceback" not in done.stderr
    return {row["what"]: row for row in json.loads(done.stdout)}, done.returncode, done.stderr


def job(up: Up, status: JobStatus, **fields: object) -> Job:
    values = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "x", "status": status}
    return catalogue_of(up.endpoints).jobs.create(Job.model_validate({"job_type": JobType.CREATE, **values, **fields}))


def test_what_was_cut_off_is_shown_then_finished_and_what_needs_somebody_is_said(up: Up, store: ObjectStore) -> None:
    records = catalogue_of(up.endpoints)
    key = f"recipes/{new_id()}/recipe.tgz"
    etag = store.write("ims", key, b"archive")
    link = Link(path=f"s3://ims/{key}", etag=etag)
    move = Move(source=link.path, target=f"s3://ims/deleted/{key}", etag=etag, size=7)
    recipe = records.recipes.create(
        Recipe(
            name="cut off",
            linux_distribution="sles15",
            link=link,
            collection=Collection.DELETING,
            journal=Journal(link=link, moves=[move], flow_run_id=new_id()),
        )
    )
    young = job_key(new_id(), "prepare.log")
    store.write("ims", young, b"log")
    try:
        found, code, said = rows(up)
        assert code == 0, said
        assert found[f"recipe {recipe.id}"]["outcome"] == "to be done"
        assert found[f"s3://ims/{young}"]["outcome"] == "too young"
        assert said.splitlines()[-1] == "1 can be repaired or removed: ims reconcile --apply"
        assert records.recipes.get(recipe.id) == recipe

        lost = records.images.create(Image(name="lost", link=Link(path=f"s3://boot-images/{new_id()}/manifest.json")))
        found, code, said = rows(up, "--apply")
        assert code == 2
        assert found[f"recipe {recipe.id}"]["outcome"] == "done"
        assert found[f"image {lost.id}"]["outcome"] == "needs you"
        assert f"Error: Conflict: 1 of {len(found)} findings are not in order: image {lost.id}" in said
        assert records.recipes.get(recipe.id).collection is Collection.DELETED
        assert [*store.keys("ims", f"deleted/{key}")] == [f"deleted/{key}"]
        assert [*store.keys("ims", young)] == [young]

        records.images.remove(lost.id)
        found, code, said = rows(up, "--apply")
        assert (code, f"recipe {recipe.id}" in found) == (0, False), said
    finally:
        store.delete("ims", young)
        store.delete("ims", f"deleted/{key}")
        records.recipes.remove(recipe.id)


def test_jobs_are_deleted_by_what_is_asked_and_nothing_else_is(up: Up, store: ObjectStore) -> None:
    records = catalogue_of(up.endpoints).jobs
    for known in records.list(None):
        records.remove(known.id)
    failed, other, running = job(up, JobStatus.ERROR), job(up, JobStatus.SUCCESS), job(up, JobStatus.BUILDING_IMAGE)
    for each in (failed, other):
        store.write("ims", job_key(each.id, "prepare.log"), b"log")
    store.write("boot-images", artifact_key(image_id_of(other.id), "kernel"), b"k")

    for wrong in (["--age", "garbage"], ["--age", ""], ["--age", "7"], ["--status", "failed"], ["--job-type", "all"]):
        refused = up.ims("jobs", "deleteall", "--yes", *wrong)
        assert (refused.returncode, "Traceback" in refused.stderr) == (2, False), wrong
    refused = up.ims("jobs", "deleteall")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert up.ims("jobs", "deleteall", "--yes", "--age", "0w1d").stderr == "none\n"
    planned = up.ims("jobs", "deleteall", "--dry-run", "--status", "error")
    assert (failed.id in planned.stdout, other.id in planned.stdout) == (True, False)
    assert len(records.list(None)) == 3

    done = up.ims("jobs", "deleteall", "--yes", "--status", "error", "--status", "building_image")
    assert done.returncode == 0, done.stderr
    assert f"not deleted: job {running.id} is running (building_image)" in done.stderr
    assert {each.id for each in records.list(None)} == {other.id, running.id}

    refused = up.ims("jobs", "delete", running.id)
    assert refused.returncode == 2
    assert "Error: Conflict" in refused.stderr
    done = up.ims("jobs", "delete", other.id)
    assert done.returncode == 0, done.stderr
    with pytest.raises(NotFound):
        records.get(other.id)
    assert up.ims("jobs", "delete", other.id).returncode == 2
    assert [*store.keys("ims", "jobs/")] == []
    kernel = artifact_key(image_id_of(other.id), "kernel")
    assert [*store.keys("boot-images", kernel)] == [kernel]
    store.delete("boot-images", kernel)
    records.remove(running.id)
