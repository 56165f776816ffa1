"""The flow that builds what has changed: nothing twice, and it says what is another."""

import time
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import Recipe
from tests.builder.small_root import packed
from tests.distribution import TINY_RECIPE
from tests.flows.site import Site

pytestmark = pytest.mark.containers


def rebuilt(site: Site, recipe: Recipe, script: str) -> tuple[str, dict[JobType, Job]]:
    """Run the flow to its end; return the message of its state, and its jobs."""
    known = {job.id for job in site.catalogue.jobs.list(None)}
    run = site.rebuild(recipe_id=recipe.id, script=script)
    assert run.wait() == 0, run.log.read_text()
    jobs = {job.job_type: job for job in site.catalogue.jobs.list(None) if job.id not in known}
    with SyncPrefectClient(site.environment["PREFECT_API_URL"]) as client:
        state = client.read_flow_run(site.rebuild_of(jobs[JobType.CREATE].id)).state  # type: ignore[arg-type]
    assert state is not None
    assert state.is_completed()
    return state.message or "", jobs


def recipe_of(site: Site, **overlay: str) -> Recipe:
    """Register the tiny recipe with further files."""
    files = {file.name: file.read_text() for file in Path(TINY_RECIPE).iterdir()}
    return site.add_recipe(packed(files | overlay))


def test_what_is_unchanged_is_not_built_and_what_has_changed_is_named(site: Site) -> None:
    script = site.add_script(b"echo rebuilt >> /etc/motd\n")
    recipe = recipe_of(site)
    started = time.monotonic()
    message, first = rebuilt(site, recipe, script)
    made = first[JobType.CUSTOMIZE].resultant_image_id
    assert message == f"built image {made} (tiny image)"
    built = time.monotonic()

    message, second = rebuilt(site, recipe, script)
    assert time.monotonic() - built < (built - started) / 2
    print(f"built in {built - started:.1f} s, found unchanged in {time.monotonic() - built:.1f} s")
    assert message == f"unchanged: image {made} (tiny image)"
    for job_type, job in second.items():
        assert (job.status, job.attempts, job.logs) == (JobStatus.SUCCESS, {}, [])
        assert job.resultant_image_id == first[job_type].resultant_image_id
    assert len(site.images()) == 2

    message, third = rebuilt(site, recipe_of(site, **{"root/srv/words": "changed"}), script)
    assert third[JobType.CREATE].changed_inputs == ["root/srv/words"]
    assert third[JobType.CUSTOMIZE].changed_inputs == ["parent image"]
    made = third[JobType.CUSTOMIZE].resultant_image_id
    assert message == f"built image {made} (tiny image); changed: root/srv/words, parent image"
    assert len(site.images()) == 4
