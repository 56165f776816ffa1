"""The flow that builds an image, and customizes it, when something has changed: for schedules.

Each of its two jobs has a record and an image; a job that finds its image unchanged names the one that is there.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.create_image import create_image
from flows.customize_image import customize_image
from flows.hooks import cancel_jobs, mark_jobs_crashed, write_error
from storage.models import job_defaults
from storage.models.fields import FileName, GiB, Id, InnerPath, Name, OptionalFileName, Profiles, ScriptPath
from storage.models.jobs import JobType
from storage.models.records import Image
from storage.records.jobs import chained_job_id
from tasks.fingerprints import outcome_of


@flow(
    name="rebuild-image",
    flow_run_name="rebuild {image_root_archive_name}",
    on_cancellation=[cancel_jobs],
    on_crashed=[mark_jobs_crashed],
    on_failure=[write_error],
)
def rebuild_image(
    recipe_id: Id,
    public_key_id: Id,
    image_root_archive_name: Name,
    script: ScriptPath = "",
    playbook: ScriptPath = "",
    script_entry: InnerPath = "",
    rebuild_initrd: bool = False,
    build_env_size: GiB = job_defaults.BUILD_ENV_SIZE,
    job_mem_size: GiB = job_defaults.JOB_MEM_SIZE,
    kernel_file_name: OptionalFileName = "",
    initrd_file_name: FileName = job_defaults.INITRD_FILE_NAME,
    kernel_parameters_file_name: FileName = job_defaults.KERNEL_PARAMETERS_FILE_NAME,
    profiles: Profiles = "",
    force: bool = False,
) -> State[Image]:
    """Build an image from a recipe, customize it by a script or a playbook if one is given, and publish both.

    Nothing is built that would be made of exactly the same as the newest image of its name: the run is then completed
    as "unchanged", within seconds and without a pod. Started again, it goes on with the same two jobs.

    Args:
        recipe_id: The recipe to build, as listed by `ims recipes list`.
        public_key_id: An SSH public key, as listed by `ims public-keys list`.
        image_root_archive_name: The name of the image in the end; the one before the script is called `NAME-base`.
        script: A shell script, or an archive with one: s3://BUCKET/KEY, as `ims scripts upload` says.
        playbook: An Ansible playbook, or an archive with one, in the script's place.
        script_entry: The file in the archive to begin with. Empty: `run.sh`, `site.yml` or `playbook.yml`.
        rebuild_initrd: Build the initrd again even if the kernel stays the same.
        build_env_size: Size of the workspaces, GiB.
        job_mem_size: Memory limit of each pod, GiB.
        kernel_file_name: The kernel's name in /boot. Empty: `vmlinuz`, on aarch64 `Image`.
        initrd_file_name: The initrd's name in /boot.
        kernel_parameters_file_name: Name in /boot of the file of kernel parameters; an image without one has none.
        profiles: kiwi profiles of the recipe to build, separated by commas. Empty: those that it builds by itself.
        force: Build, and run the script, although nothing has changed: for example, because the script fetches
            something from a server.
    """
    common: dict[str, Any] = {
        "public_key_id": public_key_id,
        "build_env_size": build_env_size,
        "job_mem_size": job_mem_size,
        "kernel_file_name": kernel_file_name,
        "initrd_file_name": initrd_file_name,
        "kernel_parameters_file_name": kernel_parameters_file_name,
        "only_if_changed": not force,
    }
    unattended = bool(script or playbook)
    create_id = chained_job_id(str(flow_run.id), JobType.CREATE)
    customize_id = chained_job_id(str(flow_run.id), JobType.CUSTOMIZE)
    image: Image = create_image(
        recipe_id=recipe_id,
        image_root_archive_name=f"{image_root_archive_name}-base" if unattended else image_root_archive_name,
        profiles=profiles,
        job_id=create_id,
        **common,
    )
    if not unattended:
        return Completed(data=image, message=outcome_of(image, create_id))
    image = customize_image(
        image_id=image.id,
        image_root_archive_name=image_root_archive_name,
        script=script,
        playbook=playbook,
        script_entry=script_entry,
        rebuild_initrd=rebuild_initrd,
        job_id=customize_id,
        **common,
    )
    return Completed(data=image, message=outcome_of(image, create_id, customize_id))
