"""Starting a job: check its fields, start its flow run, make its record."""

from itertools import zip_longest
from typing import Any

from cli.booleans import boolean
from cli.scripts import uploaded, uploaded_playbook
from errors import BadInput
from runs.server_address import prefect_api_url
from storage.models.job_parameters import parameters_of
from storage.models.jobs import Job, JobType, NewJob
from storage.models.records import new_id
from storage.models.shells import CUSTOMIZE


def ssh_containers(names: str, jails: str, *, jail: bool) -> list[dict[str, Any]]:
    """Return the shells that the user asks for.

    Args:
        names: Their names, separated by commas, the way `cray ims` writes them.
        jails: `true` or `false` for each of them.
        jail: Whether a shell is jailed for which `jails` has no value.
    """
    if not names and not jails:
        return [{"name": CUSTOMIZE, "jail": True}] if jail else []
    shells = []
    for name, jailed in zip_longest(names.split(",") if names else [], jails.split(",") if jails else []):
        said = jail if jailed is None else boolean(jailed)
        if said is None:
            raise BadInput(f"--ssh-containers-jail is {jailed}", resolution="it is true or false")
        shells.append({"name": name or CUSTOMIZE, "jail": said})
    return shells


def unattended(script: str, playbook: str, entry: str, *, rebuild_initrd: bool) -> dict[str, Any]:
    """Return the fields of a job that runs a script or a playbook, after uploading the files that they name.

    Args:
        script: A script, archive or folder of this machine, or its address in S3.
        playbook: A playbook, archive or folder, or its address.
        entry: The file in it to begin with.
        rebuild_initrd: Whether the initrd is made again in any case.
    """
    if script and playbook:
        raise BadInput("--script and --playbook are both given", resolution="a job runs one of them: start two")
    fields: dict[str, Any] = {}
    if script:
        fields["script"] = uploaded(script)
    if playbook:
        fields["playbook"], entry = uploaded_playbook(playbook, entry)
    if entry:
        fields["script_entry"] = entry
    if rebuild_initrd:
        fields["rebuild_initrd"] = True
    return fields


def check(job_type: JobType, fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse a job that cannot succeed, before anything is started; return its fields with ids as they are stored.

    Raises:
        BadInput, NotFound, Conflict: The message says why.
    """
    from storage.records.catalogue import catalogue
    from storage.records.public_keys import ssh_key_of

    asked = {name: value for name, value in fields.items() if name not in {"require_dkms", "profiles"}}
    profiles = [name for name in fields.get("profiles", "").split(",") if name]
    job = NewJob(job_type=job_type, profiles=profiles, **asked)
    if job.is_unattended and fields.get("ssh_containers"):
        raise BadInput("a script or a playbook opens no shell", resolution="leave --jail and --ssh-containers-… out")
    ssh_key_of(catalogue().public_keys.available(fields["public_key_id"]))
    if job_type is JobType.CREATE:
        _check_recipe(fields["artifact_id"])
    else:
        _check_image(fields)
    return fields | {"artifact_id": job.artifact_id, "public_key_id": job.public_key_id}


def start(job_type: JobType, fields: dict[str, Any]) -> tuple[Job, str]:
    """Start the run, make the job's record, and return it with the run's address."""
    # Importing Prefect takes more than a second.
    from flows.deployments import CREATE_IMAGE, CUSTOMIZE_IMAGE
    from runs.client import connected
    from storage.records.catalogue import catalogue
    from storage.records.jobs import open_job

    deployment = CREATE_IMAGE if job_type is JobType.CREATE else CUSTOMIZE_IMAGE
    with connected(prefect_api_url()) as runs:
        run_id = runs.start(deployment, parameters_of(job_type, fields), idempotency_key=new_id())
        # The run makes the record if it is faster; both make the same one.
        job = open_job(catalogue(), run_id, run_id, {"job_type": job_type, **fields})
        return job, runs.address(run_id)


def _check_recipe(recipe_id: str) -> None:
    from storage.records.catalogue import catalogue
    from storage.s3.objects import object_store

    recipe = catalogue().recipes.available(recipe_id)
    if recipe.link is None:
        raise BadInput(
            f"recipe {recipe.id} ({recipe.name}) has no archive",
            resolution=f"upload one with `ims recipes update {recipe.id} --file FOLDER_OR_TGZ`",
        )
    object_store().head(recipe.link.bucket, recipe.link.key)


def _check_image(fields: dict[str, Any]) -> None:
    from storage.records.catalogue import catalogue
    from storage.records.images import read_manifest
    from storage.s3.objects import object_store

    if fields.get("profiles"):
        raise BadInput("--profile is of recipes, and an image has none", resolution="leave it out")
    read_manifest(object_store(), catalogue().images.available(fields["artifact_id"]))
