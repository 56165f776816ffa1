"""The flow that builds what has changed: nothing twice, and it says what is another."""

from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import Recipe
from tests.builder.small_root import packed
from tests.distribution import TINY_RECIPE
from tests.flows.site import Site

pytestmark = pytest.mark.containers


def rebuilt(site: Site, recipe: Recipe, script: str = "", *, force: bool = False) -> tuple[str, dict[JobType, Job]]:
    """Run the flow to its end; return the message of its state, and its jobs."""
    known = {job.id for job in site.catalogue.jobs.list(None)}
    run = site.rebuild(recipe_id=recipe.id, script=script, force=force)
    assert run.wait() == 0, run.log.read_text()
    jobs = {job.job_type: job for job in site.catalogue.jobs.list(None) if job.id not in known}
    with SyncPrefectClient(site.environment["PREFECT_API_URL"]) as client:
        run_id = site.rebuild_of(jobs[JobType.CREATE].id)
        state = client.read_flow_run(run_id).state  # type: ignore[arg-type]
    assert state is not None
    assert state.is_completed()
    return state.message or "", jobs


def recipe_of(site: Site, **overlay: str) -> Recipe:
    """Register the tiny recipe with further files."""
    files = {file.name: file.read_text() for file in Path(TINY_RECIPE).iterdir()}
    return site.add_recipe(packed(files | overlay))


def test_what_is_unchanged_is_not_built_unless_forced_and_what_has_changed_is_named(site: Site) -> None:
    recipe = recipe_of(site)
    message, first = rebuilt(site, recipe)
    made = first[JobType.CREATE].resultant_image_id
    assert message == f"built image {made} (tiny image)"

    message, second = rebuilt(site, recipe)
    assert message == f"unchanged: image {made} (tiny image)"
    assert_no_pod(second, first)
    assert len(site.images()) == 1

    changed = recipe_of(site, **{"root/srv/words": "changed"})
    message, third = rebuilt(site, changed)
    assert third[JobType.CREATE].changed_inputs == ["root/srv/words"]
    made = third[JobType.CREATE].resultant_image_id
    assert message == f"built image {made} (tiny image); changed: root/srv/words"

    message, fourth = rebuilt(site, changed, force=True)
    assert message == f"built image {fourth[JobType.CREATE].resultant_image_id} (tiny image)"
    assert len(site.images()) == 3


def test_a_rebuild_by_a_script_is_two_jobs_with_two_images_each_unchanged_the_next_time(site: Site) -> None:
    script = site.add_script(b"grep config.sh /etc/motd && echo rebuilt > /etc/motd\n")
    message, first = rebuilt(site, site.recipe, script)
    images = {image.id: image for image in site.images()}
    built, customized = (images[first[job_type].resultant_image_id or ""] for job_type in JobType)
    assert (built.name, customized.name, len(images)) == ("tiny image-base", "tiny image", 2)
    assert customized.metadata["ims_image_id"] == built.id
    assert message == f"built image {customized.id} (tiny image)"
    assert {job.status for job in first.values()} == {JobStatus.SUCCESS}
    assert [site.leftovers(job.id) for job in first.values()] == [[], []]

    message, second = rebuilt(site, site.recipe, script)
    assert message == f"unchanged: image {customized.id} (tiny image)"
    assert_no_pod(second, first)
    assert len(site.images()) == 2


def assert_no_pod(jobs: dict[JobType, Job], earlier: dict[JobType, Job]) -> None:
    """Check that jobs succeeded with the images of earlier ones, and without a pod."""
    assert jobs.keys() == earlier.keys()
    for job_type, job in jobs.items():
        assert (job.status, job.attempts, job.logs) == (JobStatus.SUCCESS, {}, [])
        assert job.resultant_image_id == earlier[job_type].resultant_image_id
