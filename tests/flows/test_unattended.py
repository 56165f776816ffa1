"""Customizing without a user: scripts and playbooks in the flow, and the flow that builds before it."""

from pathlib import Path

import pytest

from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import Image, Link, new_id
from tests.builder.small_root import packed
from tests.flows.site import Site
from tests.flows.test_customize import image, made_of
from tests.root_listing import listing
from tests.tiny_image import PARAMETERS, downloaded

__all__ = ["image"]

pytestmark = pytest.mark.containers


def test_a_script_makes_a_new_image_in_which_nothing_else_differs(
    site: Site, image: Image, tiny_rootfs: Path, tmp_path: Path
) -> None:
    text = "#!/bin/sh\nset -e\necho by $IMS_JOB_ID > /etc/motd\ncp words /srv/words\n"
    script = site.add_script(packed({"change": text, "words": "beside it\n"}))
    job_id = new_id()
    run = site.customize(job_id, image.id, script=script, script_entry="change")
    assert run.wait() == 0, run.log.read_text()
    job, made = site.job(job_id), made_of(site, image)
    assert (job.status, job.script, job.ssh_containers) == (JobStatus.SUCCESS, script, [])
    assert made.metadata == {"ims_job_id": job_id, "ims_image_id": image.id}
    files = downloaded(site.store, made, tmp_path)
    assert files["boot_parameters"].read_bytes() == PARAMETERS
    assert files["initrd"].read_bytes() == (tiny_rootfs / "initrd").read_bytes()
    before, after = listing(tiny_rootfs / "rootfs", tmp_path), listing(files["rootfs"], tmp_path)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"etc/motd", "srv/words"}
    assert site.leftovers(job_id) == []


def failed(site: Site, image: Image, **parameters: str | bool) -> Job:
    """Run a job that fails, and return it: no image is made, and nothing left."""
    job_id = new_id()
    run = site.customize(job_id, image.id, **parameters)
    assert run.wait() == 1, run.log.read_text()
    job = site.job(job_id)
    assert (job.status, [each.id for each in site.images()]) == (JobStatus.ERROR, [image.id])
    assert site.leftovers(job_id) == []
    return job


def test_a_script_that_fails_is_told_with_its_last_lines_and_nothing_is_packaged(site: Site, image: Image) -> None:
    site.environment["IMS_SCRIPT_LIMIT"] = "60s"
    script = site.add_script(b"#!/bin/sh\necho looking for a licence\necho there is none >&2\nexit 3\n")
    job = failed(site, image, script=script)
    assert job.diagnosis is not None
    assert job.diagnosis.step == "script"
    assert job.diagnosis.summary == "the script script ended with exit code 3: there is none"
    assert job.diagnosis.log_tail[-4:-2] == ["looking for a licence", "there is none"]
    assert [Path(log.key).name for log in job.logs] == ["root.log", "script.log"]


REFUSED = {
    "no such object": ("scripts/nowhere", "NotFound", "scripts/nowhere: no such object"),
    "what the service keeps for itself": ("jobs/x/credentials.json", "BadInput", "credentials.json is not below s3://"),
    "no such entry": (packed({"other": "x"}), "BadInput", "the archive has no file 'run.sh' to begin with"),
    "a path out of it": (packed({"../../x": "x", "run.sh": "x"}), "BadInput", "leads out of the archive"),
    "too big a script": (bytes(1_000_001), "BadInput", "has 1000001 bytes, more than the limit of 1000000 bytes"),
    "an empty script": (b"", "BadInput", "is empty"),
}


@pytest.mark.parametrize(("given", "category", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_script_is_refused_before_any_pod(
    site: Site, image: Image, given: str | bytes, category: str, said: str
) -> None:
    site.environment["IMS_RECIPE_BYTES"] = "1000000"
    script = site.add_script(given) if isinstance(given, bytes) else f"s3://{site.ims_bucket}/{given}"
    job = failed(site, image, script=script)
    assert job.diagnosis is not None
    assert (job.diagnosis.category, said in job.diagnosis.summary) == (category, True), job.diagnosis
    assert job.logs == []


def test_a_playbook_runs_in_a_pod_of_the_job(site: Site, image: Image, tmp_path: Path) -> None:
    play = "- hosts: image\n  gather_facts: false\n  tasks:\n    - raw: echo by ansible > /etc/motd\n"
    playbook = site.add_script(packed({"playbook.yml": play}))
    job_id = new_id()
    run = site.customize(job_id, image.id, playbook=playbook)
    assert run.wait() == 0, run.log.read_text()
    assert "etc/motd" in listing(downloaded(site.store, made_of(site, image), tmp_path)["rootfs"], tmp_path)


def test_a_rebuild_whose_script_fails_keeps_the_built_image_and_goes_on_with_its_jobs(site: Site) -> None:
    """The script is the same address, so the same jobs can go on once what it needs is there."""
    script = site.add_script(b"echo there is no licence\nexit 3\n")
    run = site.rebuild(script=script)
    assert run.wait() == 1
    assert "the script script ended with exit code 3: there is no licence" in run.log.read_text()
    before = {job.job_type: job for job in site.catalogue.jobs.list(None)}
    [built] = site.images()
    assert (before[JobType.CREATE].status, before[JobType.CREATE].resultant_image_id) == (JobStatus.SUCCESS, built.id)
    assert before[JobType.CUSTOMIZE].status is JobStatus.ERROR
    assert [site.leftovers(job.id) for job in before.values()] == [[], []]

    place = Link(path=script)
    site.store.write(place.bucket, place.key, b"echo rebuilt > /etc/motd\n")
    again = site.rebuild(run_id=site.rebuild_of(before[JobType.CREATE].id), script=script)
    assert again.wait() == 0, again.log.read_text()
    after = {job.job_type: job for job in site.catalogue.jobs.list(None)}
    assert {job_type: job.id for job_type, job in after.items()} == {each: before[each].id for each in before}
    assert {job.status for job in after.values()} == {JobStatus.SUCCESS}
    assert {image.id for image in site.images()} == {built.id, after[JobType.CUSTOMIZE].resultant_image_id}


def test_a_rebuild_that_is_cancelled_when_its_process_is_gone_leaves_no_pod(site: Site) -> None:
    script = site.add_script(b"echo begun\nsleep 600\n")
    run = site.rebuild(script=script)
    site.wait_for(lambda: "begun" in run.log.read_text() if run.log.exists() else False, limit_seconds=120)
    jobs = {job.job_type: job for job in site.catalogue.jobs.list(None)}
    run.kill()
    run.wait()
    assert site.cancel_rebuild(site.rebuild_of(jobs[JobType.CREATE].id)) == 0
    after = {job.job_type: site.job(job.id) for job in jobs.values()}
    assert {job_type: job.status for job_type, job in after.items()} == {
        JobType.CREATE: JobStatus.SUCCESS,
        JobType.CUSTOMIZE: JobStatus.ERROR,
    }
    [built] = site.images()
    assert after[JobType.CREATE].resultant_image_id == built.id
    assert [job.id for job in after.values() if job.id in site.runtime.jobs()] == []
