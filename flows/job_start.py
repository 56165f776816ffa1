"""Starting a job, from the command line or by the API: check it, make its record, start its flow run.

A worker takes the run, by the deployment of the job's type. The record may come first or last: the run makes it, too,
if it is not there.
"""

from collections.abc import Mapping
from typing import Any

from errors import BadInput, NotFound
from flows.deployments import CREATE_IMAGE, CUSTOMIZE_IMAGE
from runs.client import Runs
from storage.models.job_parameters import parameters_of
from storage.models.jobs import Job, JobType, NewJob
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from storage.records.images import read_manifest, rootfs_of
from storage.records.jobs import open_job
from storage.records.links import BadLink
from storage.records.public_keys import ssh_key_of
from storage.s3.objects import ObjectStore

DEPLOYMENTS = {JobType.CREATE: CREATE_IMAGE, JobType.CUSTOMIZE: CUSTOMIZE_IMAGE}

Fields = Mapping[str, Any]


def checked(store: ObjectStore, records: Catalogue, job_type: JobType, fields: Fields) -> dict[str, Any]:
    """Refuse a job that cannot succeed, before anything is started; return its fields with ids as they are stored.

    Args:
        store: The object store.
        records: The records.
        job_type: What the job does.
        fields: What the user asks for, as `storage/records/jobs.py:open_job` takes it.

    Raises:
        NotFound: There is no such recipe, image or public key.
        BadLink: An object that is linked is missing.
        BadInput, Conflict, Corrupt: The message says why.
    """
    asked = {name: value for name, value in fields.items() if name not in {"require_dkms", "profiles"}}
    profiles = [name for name in fields.get("profiles", "").split(",") if name]
    job = NewJob(job_type=job_type, profiles=profiles, **asked)
    if job.is_unattended and fields.get("ssh_containers"):
        raise BadInput("a script or a playbook opens no shell", resolution="ask for none")
    ssh_key_of(records.public_keys.available(job.public_key_id))
    if job_type is JobType.CREATE:
        _check_recipe(store, records, job.artifact_id)
    else:
        _check_image(store, records, job)
    return {**fields, "artifact_id": job.artifact_id, "public_key_id": job.public_key_id}


def start(runs: Runs, records: Catalogue, job_type: JobType, fields: Fields) -> Job:
    """Start the run of a job that has the run's id, and make its record.

    Args:
        runs: The Prefect server's.
        records: The records.
        job_type: What the job does.
        fields: What was checked.
    """
    run_id = runs.start(DEPLOYMENTS[job_type], parameters_of(job_type, fields), idempotency_key=new_id())
    # The run makes the record if it is faster; both make the same one.
    return open_job(records, run_id, run_id, {"job_type": job_type, **fields})


def start_recorded(runs: Runs, records: Catalogue, job_type: JobType, fields: Fields) -> Job:
    """Make the record of a job, whose id is random, and start its run, whose id stands in the record.

    If this process is killed in between, reconcile closes the record.

    Args:
        runs: The Prefect server's.
        records: The records.
        job_type: What the job does.
        fields: What was checked.

    Raises:
        Unreachable: Prefect does not start the run; the job is not there then.
    """
    job = open_job(records, new_id(), "", {"job_type": job_type, **fields})
    parameters = {**parameters_of(job_type, fields), "job_id": job.id}
    try:
        run_id = runs.start(DEPLOYMENTS[job_type], parameters, idempotency_key=job.id)
    except BaseException:
        records.jobs.remove(job.id)
        raise

    def note_run(stored: Job) -> Job:
        # The run may have begun, and have written its id itself.
        return stored if stored.flow_run_id else stored.model_copy(update={"flow_run_id": run_id})

    return records.jobs.change(job.id, note_run)


def _check_recipe(store: ObjectStore, records: Catalogue, recipe_id: str) -> None:
    recipe = records.recipes.available(recipe_id)
    if recipe.link is None:
        raise BadInput(
            f"recipe {recipe.id} ({recipe.name}) has no archive",
            resolution=f"upload one with `ims recipes update {recipe.id} --file FOLDER_OR_TGZ`",
        )
    try:
        store.head(recipe.link.bucket, recipe.link.key)
    except NotFound as error:
        raise BadLink(error.message, resolution="put the recipe's archive back, or register another recipe") from error


def _check_image(store: ObjectStore, records: Catalogue, job: NewJob) -> None:
    image = records.images.available(job.artifact_id)
    if job.profiles:
        raise BadInput("profiles are of recipes, and an image has none", resolution="leave them out")
    if image.link is None:
        raise BadInput(f"image {image.id} ({image.name}) has no manifest", resolution="link one to it first")
    try:
        manifest, _ = read_manifest(store, image)
    except NotFound as error:
        raise BadLink(error.message, resolution="put the image's manifest back, or choose another image") from error
    rootfs_of(manifest, image)
