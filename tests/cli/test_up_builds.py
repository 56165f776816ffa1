"""Jobs that build, through everything that `ims up` runs: started, cancelled, killed and stopped as users do."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from builder.image import ensure_builder_image
from pods.podman.runtime import Podman
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import Image, PublicKey, Recipe
from storage.records.jobs import chained_job_id
from storage.s3.objects import ObjectStore
from tests.cli.conftest import IMS
from tests.cli.running import (
    Up,
    catalogue_at,
    catalogue_of,
    job_of,
    process_of,
    public_key,
    settings_of,
    start,
    wait_for,
)
from tests.distribution import TINY_RECIPE
from tests.root_listing import listing
from tests.s3_server import embedded_s3
from tests.ssh import new_key, ssh
from tests.tiny_image import downloaded, register

pytestmark = [pytest.mark.containers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `ims up` whose pods run the builder image."""
    running = start(tmp_path_factory.mktemp("building") / "data", builder_image=ensure_builder_image())
    yield running
    running.end(signal.SIGTERM)


def tiny_recipe(up: Up, repository: str) -> Recipe:
    """Register the recipe that builds in seconds."""
    created = up.ims(
        *("recipes", "create", "--name", "tiny", "--linux-distribution", "sles15", "--format", "json"),
        *("--file", str(TINY_RECIPE), "--template-value", f"repository={repository}"),
    )
    assert created.returncode == 0, created.stderr
    return Recipe.model_validate_json(created.stdout)


@pytest.fixture(scope="module")
def recipe(building: Up, tiny_repository: str) -> Recipe:
    return tiny_recipe(building, tiny_repository)


@pytest.fixture(scope="module")
def key(building: Up) -> PublicKey:
    return public_key(building)


def podman(up: Up) -> Podman:
    return Podman(up.folder / "podman")


def wait_until_built(up: Up, job_id: str) -> Job:
    jobs = catalogue_of(up.endpoints).jobs
    wait_for(lambda: jobs.get(job_id).status.is_final, 120, up.worker_log)
    return jobs.get(job_id)


def assert_published(up: Up, job: Job) -> None:
    """Assert that the job's image stands in the catalogue with its artifacts, and that nothing else is left."""
    assert job.status is JobStatus.SUCCESS, job.diagnosis
    assert job.resultant_image_id is not None
    listed = up.ims("images", "artifacts", job.resultant_image_id, "--format", "json")
    assert len(json.loads(listed.stdout)) == 3, listed.stderr
    wait_for(lambda: job.id not in podman(up).jobs(), 30, up.worker_log)


def started_job(up: Up, recipe: Recipe, key: PublicKey) -> str:
    """Start a job and wait until it has a pod."""
    created = up.ims(*job_of(recipe, key))
    assert created.returncode == 0, created.stderr
    job_id = Job.model_validate_json(created.stdout).id
    wait_for(lambda: job_id in podman(up).jobs(), 60, up.worker_log)
    return job_id


def test_the_command_line_builds_an_image(building: Up, recipe: Recipe, key: PublicKey, tmp_path: Path) -> None:
    waited = building.ims(*job_of(recipe, key), "--wait")
    assert waited.returncode == 0, waited.stderr
    job = Job.model_validate_json(waited.stdout)
    assert_published(building, job)
    downloaded = building.ims("images", "download", str(job.resultant_image_id), "--directory", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"rootfs", "kernel", "initrd", "manifest.json"}
    assert downloaded.returncode == 0, downloaded.stderr


def test_prefect_deployment_run_builds_the_same(building: Up, recipe: Recipe, key: PublicKey) -> None:
    name = f"by-prefect-{uuid.uuid4()}"
    parameters = {"recipe_id": recipe.id, "public_key_id": key.id, "image_root_archive_name": name}
    subprocess.run(
        [
            *(sys.executable, "-m", "prefect", "deployment", "run", "create-image/create-image"),
            *(option for parameter in parameters.items() for option in ("-p", "=".join(parameter))),
        ],
        env=building.environment | {"PREFECT_API_URL": building.endpoints.prefect_api_url},
        check=True,
        capture_output=True,
    )
    jobs = catalogue_of(building.endpoints).jobs

    def mine() -> list[Job]:
        return [job for job in jobs.list() if job.image_root_archive_name == name]

    wait_for(lambda: bool(mine()), 60, building.worker_log)
    assert_published(building, wait_until_built(building, mine()[0].id))


def test_a_build_that_is_cancelled_in_the_web_interface_stops_its_pods(
    building: Up, recipe: Recipe, key: PublicKey
) -> None:
    job_id = started_job(building, recipe, key)
    building.prefect("POST", f"/flow_runs/{job_id}/set_state", state={"type": "CANCELLING"})
    job = wait_until_built(building, job_id)
    assert job.diagnosis is not None
    assert (job.status, job.diagnosis.summary) == (JobStatus.ERROR, "cancelled")
    assert job_id not in podman(building).jobs()
    wait_for(lambda: state_of(building, job_id) == "CANCELLED", 60, building.worker_log)


def test_a_build_whose_process_was_killed_goes_on_when_it_is_retried(
    building: Up, recipe: Recipe, key: PublicKey
) -> None:
    job_id = started_job(building, recipe, key)
    os.kill(process_of(job_id), signal.SIGKILL)
    wait_for(lambda: state_of(building, job_id) == "CRASHED", 60, building.worker_log)
    lost = wait_until_built(building, job_id)
    assert lost.diagnosis is not None
    assert (lost.status, lost.diagnosis.category) == (JobStatus.ERROR, "Crashed")
    assert "continues where it stopped" in lost.diagnosis.resolution
    building.prefect("POST", f"/flow_runs/{job_id}/set_state", state={"type": "SCHEDULED", "name": "AwaitingRetry"})
    jobs = catalogue_of(building.endpoints).jobs
    wait_for(lambda: jobs.get(job_id).status is JobStatus.SUCCESS, 120, building.worker_log)
    assert_published(building, jobs.get(job_id))


def test_ctrl_c_stops_the_pods_of_a_build_and_says_so(tiny_repository: str, tmp_path: Path) -> None:
    up = start(tmp_path / "data", builder_image=ensure_builder_image())
    job_id = started_job(up, tiny_recipe(up, tiny_repository), public_key(up))
    assert up.end(signal.SIGINT) == 0, up.log.read_text()
    assert up.processes() == []
    assert job_id not in podman(up).jobs()
    with embedded_s3(up.folder / "s3") as s3:
        diagnosis = catalogue_at(s3).jobs.get(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "cancelled"


@pytest.mark.timeout(600)
def test_a_schedule_builds_and_customizes(building: Up, recipe: Recipe, key: PublicKey, tmp_path: Path) -> None:
    """That the next run follows the first is in tests/flows/test_schedules.py, with a flow that takes a moment."""
    script = tmp_path / "change.sh"
    script.write_text("echo rebuilt > /etc/motd\n")
    uploaded = building.ims("scripts", "upload", str(script))
    assert uploaded.returncode == 0, uploaded.stderr
    name = f"scheduled-{uuid.uuid4()}"
    parameters = {"recipe_id": recipe.id, "public_key_id": key.id, "image_root_archive_name": name}
    parameters["script"] = uploaded.stdout.split()[-1]
    with building.scheduled("rebuild-image/rebuild-image", timedelta(seconds=20), parameters) as planned:
        wait_for(lambda: bool(planned()) and planned()[0]["start_time"], 120, building.worker_log)
        run = planned()[0]["id"]
    wait_for(lambda: state_of(building, run) == "COMPLETED", 300, building.worker_log)
    jobs = {job.id: job for job in catalogue_of(building.endpoints).jobs.list()}
    images = {image.id: image.name for image in catalogue_of(building.endpoints).images.list()}
    made = [jobs[chained_job_id(run, job_type)] for job_type in (JobType.CREATE, JobType.CUSTOMIZE)]
    assert [images[str(job.resultant_image_id)] for job in made] == [f"{name}-base", name]


def state_of(up: Up, run_id: str) -> str:
    state: str = up.prefect("GET", f"/flow_runs/{run_id}")["state_type"]
    return state


@pytest.fixture(scope="module")
def image(building: Up, tiny_rootfs: Path) -> Image:
    """An image to customize."""
    reached = settings_of(building.endpoints)
    made = register(ObjectStore(reached.s3), reached.boot_images_bucket, tiny_rootfs)
    return catalogue_of(building.endpoints).images.create(made)


def customizing(image: Image, key: PublicKey, *more: str) -> list[str]:
    """Return the command that customizes an image, and waits."""
    return [
        *("jobs", "create", "--job-type", "customize", "--artifact-id", image.id, "--public-key-id", key.id),
        *("--image-root-archive-name", "changed", "--wait", "--format", "json", *more),
    ]


def test_an_image_is_customized_by_a_script(building: Up, image: Image, key: PublicKey, tmp_path: Path) -> None:
    script = tmp_path / "change.sh"
    script.write_text("#!/bin/sh\nset -e\necho the script runs\necho changed > /etc/motd\n")
    waited = building.ims(*customizing(image, key, "--script", str(script)))
    assert waited.returncode == 0, waited.stderr
    assert "the script runs" in waited.stderr
    job = Job.model_validate_json(waited.stdout)
    store = ObjectStore(settings_of(building.endpoints).s3)
    files = downloaded(store, catalogue_of(building.endpoints).images.get(str(job.resultant_image_id)), tmp_path)
    assert "etc/motd" in listing(files["rootfs"], tmp_path)
    script.write_text("echo no licence\nexit 3\n")
    failed = building.ims(*customizing(image, key, "--script", str(script)))
    assert failed.returncode == 1
    assert "the script change.sh ended with exit code 3: no licence" in failed.stderr


def test_an_image_is_customized_as_a_user_does_it(building: Up, image: Image, tmp_path: Path) -> None:
    catalogue = catalogue_of(building.endpoints)
    secret = new_key(tmp_path / "key")
    key = catalogue.public_keys.create(PublicKey(name="me", public_key=secret.with_suffix(".pub").read_text()))
    command = customizing(image, key, "--jail")
    waiting = subprocess.Popen(
        [*IMS, *command], env=building.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr is not None
    said = []
    for line in waiting.stderr:
        said.append(line)
        if line.startswith("  ims jobs complete "):
            break
    told = "".join(said)
    job_id = said[-1].split()[-1]
    [shell] = catalogue.jobs.get(job_id).ssh_containers
    assert f"Customize the image with:\n  {shell.command}\nThe host key is {shell.host_key}\n" in told
    ssh(shell, secret, "echo hello > /etc/motd")
    shown = building.prefect("POST", "/artifacts/filter", artifacts={"key": {"any_": [f"shell-{job_id}"]}})
    assert shell.command in shown[0]["data"]
    assert shown[0]["flow_run_id"] == job_id
    completed = building.ims("jobs", "complete", job_id)
    assert (completed.returncode, f"ims jobs watch {job_id}" in completed.stderr) == (0, True), completed.stderr
    output, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    job = Job.model_validate_json(output)
    assert job.status is JobStatus.SUCCESS
    assert catalogue.images.get(str(job.resultant_image_id)).metadata["ims_image_id"] == image.id
