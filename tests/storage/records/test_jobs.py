"""storage/records/jobs.py: the life of a job's record, on a real S3 server."""

from typing import Any
from uuid import UUID

import pytest

from errors import BadInput, Conflict
from storage.models.jobs import Diagnosis, JobStatus
from storage.models.records import Collection, Image, PublicKey, Recipe, new_id
from storage.models.shells import Address, ConnectionInfo, SshContainer
from storage.records import jobs
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.ssh_keys import KEYS

KEY = KEYS["ecdsa 256"] + "\n"
RUN = "0195d2f0-0000-7000-8000-000000000001"


@pytest.fixture
def catalogue(store: ObjectStore, bucket: str) -> Catalogue:
    return Catalogue(store, bucket)


@pytest.fixture
def fields(catalogue: Catalogue) -> dict[str, Any]:
    recipe = Recipe(name="r", linux_distribution="sles15", arch="aarch64", require_dkms=False)
    catalogue.recipes.create(recipe)
    return {
        "job_type": "create",
        "artifact_id": recipe.id,
        "public_key_id": new_id(),
        "image_root_archive_name": "an image",
    }


def test_the_first_caller_makes_the_record(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    made = jobs.open_job(catalogue, RUN, RUN, fields)
    assert made.status is JobStatus.CREATING
    assert jobs.open_job(catalogue, RUN, RUN, fields) == made


def test_what_the_user_leaves_open_is_the_recipes(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, {**fields, "kernel_file_name": "", "require_dkms": "as the recipe says"})
    assert (job.arch, job.kernel_file_name, job.require_dkms) == ("aarch64", "Image", False)


def test_what_the_user_says_goes_before_the_recipe(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, {**fields, "kernel_file_name": "vmlinux", "require_dkms": "yes"})
    assert (job.kernel_file_name, job.require_dkms) == ("vmlinux", True)


def test_a_job_has_a_copy_of_its_key_unless_that_is_deleted(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    for collection, copy in ((Collection.AVAILABLE, f"{KEYS['ecdsa 256']}\n"), (Collection.DELETED, "")):
        key = catalogue.public_keys.create(
            PublicKey(name="k", public_key=f"{KEYS['ecdsa 256']}\n", collection=collection)
        )
        assert jobs.open_job(catalogue, new_id(), RUN, fields | {"public_key_id": key.id}).public_key == copy


@pytest.mark.parametrize("asked", [[], [{"name": "mine", "jail": True}]], ids=["left out", "jailed"])
def test_a_job_that_customizes_opens_one_shell(catalogue: Catalogue, asked: list[dict[str, Any]]) -> None:
    image = catalogue.images.create(Image(name="i", arch="aarch64"))
    fields = {
        "job_type": "customize",
        "artifact_id": image.id,
        "public_key_id": new_id(),
        "image_root_archive_name": "an image",
        "ssh_containers": asked,
    }
    job = jobs.open_job(catalogue, RUN, RUN, fields)
    assert (job.arch, job.kernel_file_name) == ("aarch64", "Image")
    [shell] = job.ssh_containers
    assert (shell.name, shell.jail) == (("mine", True) if asked else ("customize", False))
    assert shell.status == "pending"
    # However far it is, the run that comes back takes it up.
    access = ConnectionInfo(customer_access=Address(host="127.0.0.1", port=22))
    running = shell.model_copy(update={"status": "running", "connection_info": access, "host_key": "SHA256:x"})
    jobs.report_shell(catalogue, job, running, status=JobStatus.WAITING_ON_USER)
    assert jobs.open_job(catalogue, RUN, RUN, fields).ssh_containers == [running]
    # A debug shell comes after it, and is not what was asked for.
    debug = running.model_copy(update={"name": "debug"})
    jobs.report_shell(catalogue, job, debug)
    assert jobs.open_job(catalogue, RUN, RUN, fields).ssh_containers == [running, debug]
    jobs.end_shells(catalogue, RUN)
    assert [each.command for each in catalogue.jobs.get(RUN).ssh_containers] == ["", ""]
    with pytest.raises(Conflict):
        jobs.open_job(catalogue, RUN, RUN, {**fields, "ssh_containers": [{"name": "other"}]})


def test_a_job_that_creates_has_a_debug_shell_when_asked_for(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, {**fields, "enable_debug": True})
    assert [(shell.name, shell.jail) for shell in job.ssh_containers] == [("debug", False)]
    assert jobs.open_job(catalogue, RUN, RUN, {**fields, "enable_debug": True}) == job
    with pytest.raises(BadInput, match="ssh_containers are of customize jobs"):
        jobs.open_job(catalogue, RUN, RUN, {**fields, "ssh_containers": [{"name": "a"}]})


def test_a_job_of_other_fields_is_not_continued(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    jobs.open_job(catalogue, RUN, RUN, fields)
    with pytest.raises(Conflict, match=f"job {RUN} was asked for with other parameters"):
        jobs.open_job(catalogue, RUN, RUN, {**fields, "initrd_file_name": "other"})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_root_archive_name": ""}, "image_root_archive_name"),
        ({"image_root_archive_name": "a\x1b[2J"}, "image_root_archive_name"),
        ({"initrd_file_name": "../../etc/shadow"}, "initrd_file_name"),
        ({"build_env_size": 0}, "build_env_size"),
        ({"job_mem_size": -1}, "job_mem_size"),
        ({"public_key_id": "x"}, "public_key_id"),
        ({"job_type": "destroy"}, "job_type"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_field_that_cannot_be_is_named(
    catalogue: Catalogue, fields: dict[str, Any], change: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        jobs.open_job(catalogue, RUN, RUN, fields | change)
    assert catalogue.jobs.list(None) == []


def test_all_wrong_fields_are_named_at_once(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"build_env_size: .*; job_mem_size: "):
        jobs.open_job(catalogue, RUN, RUN, fields | {"build_env_size": 0, "job_mem_size": 0})


def test_an_unknown_recipe_is_left_for_the_run_to_report(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, fields | {"artifact_id": new_id()})
    assert (job.arch, job.kernel_file_name) == ("x86_64", "vmlinuz")


def test_a_job_that_has_succeeded_is_not_closed_in_error(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, fields)
    jobs.report(catalogue, job, status=JobStatus.SUCCESS)
    closed = jobs.close_job(catalogue, RUN, Diagnosis(category="x", summary="late"))
    assert (closed.status, closed.diagnosis) == (JobStatus.SUCCESS, None)


def test_a_closed_job_says_why(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    jobs.open_job(catalogue, RUN, RUN, fields)
    why = Diagnosis(category="step_failed", summary="kiwi failed", log_tail=["a", "b"])
    jobs.close_job(catalogue, RUN, why)
    job = catalogue.jobs.get(RUN)
    assert (job.status, job.diagnosis) == (JobStatus.ERROR, why)


def test_a_misspelt_field_is_not_written(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, RUN, RUN, fields)
    misspelt: Any = {"state": JobStatus.SUCCESS}
    with pytest.raises(TypeError, match="no step changes state of a job"):
        jobs.report(catalogue, job, **misspelt)
    with pytest.raises(TypeError, match="no step changes state of a job"):
        jobs.report_shell(catalogue, job, SshContainer(name="debug"), **misspelt)
    assert catalogue.jobs.get(RUN) == job


def test_a_job_makes_one_image_whose_id_is_like_any_other() -> None:
    assert jobs.image_id_of(RUN) == jobs.image_id_of(RUN) != RUN
    assert UUID(jobs.image_id_of(RUN)).version == 4


def test_a_job_has_ended_when_its_status_is_final_and_not_before(catalogue: Catalogue, fields: dict[str, Any]) -> None:
    job = jobs.open_job(catalogue, new_id(), "run", fields)
    assert jobs.report(catalogue, job, status=JobStatus.BUILDING_IMAGE).ended is None
    ended = jobs.close_job(catalogue, job.id, Diagnosis(category="c", summary="s")).ended
    assert ended is not None
    assert job.created <= ended
    # Closed again, it has ended when it ended first; opened again, it has not.
    closed = jobs.close_job(catalogue, job.id, Diagnosis(category="d", summary="s"))
    assert closed.ended == ended
    assert closed.changed({"status": JobStatus.CREATING}).ended is None
