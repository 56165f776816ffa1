"""The flow that changes an image and publishes the result as a new one."""

from typing import Literal

from prefect import flow

from flows.hooks import cancel_jobs, mark_jobs_crashed, write_error
from storage.models import job_defaults
from storage.models.fields import (
    FileName,
    GiB,
    Id,
    InnerPath,
    Name,
    OptionalFileName,
    OptionalId,
    ScriptPath,
    ShellName,
)
from storage.models.jobs import JobType
from storage.models.records import Image
from storage.models.shells import CUSTOMIZE
from tasks.artifacts import package_artifacts, upload_artifacts
from tasks.contexts import stage_changes
from tasks.fingerprints import fingerprint_change, unchanged_image
from tasks.images import publish_image, published_image
from tasks.jobs import open_job, reporting
from tasks.originals import fetch_manifest, fetch_root
from tasks.scripts import fetch_script, run_script
from tasks.shells import debug_shell_on_failure, open_customize_shell


@flow(
    name="customize-image",
    flow_run_name="customize {image_root_archive_name}",
    on_cancellation=[cancel_jobs],
    on_crashed=[mark_jobs_crashed],
    on_failure=[write_error],
)
def customize_image(
    image_id: Id,
    public_key_id: Id,
    image_root_archive_name: Name,
    ssh_container_name: ShellName = CUSTOMIZE,
    jail: bool = False,
    enable_debug: bool = False,
    build_env_size: GiB = job_defaults.BUILD_ENV_SIZE,
    job_mem_size: GiB = job_defaults.JOB_MEM_SIZE,
    kernel_file_name: OptionalFileName = "",
    initrd_file_name: FileName = job_defaults.INITRD_FILE_NAME,
    kernel_parameters_file_name: FileName = job_defaults.KERNEL_PARAMETERS_FILE_NAME,
    require_dkms: Literal["yes", "no"] = "yes",
    script: ScriptPath = "",
    playbook: ScriptPath = "",
    script_entry: InnerPath = "",
    rebuild_initrd: bool = False,
    only_if_changed: bool = False,
    job_id: OptionalId = "",
) -> Image:
    """Change an image by an SSH shell, a script or a playbook, and publish the result as a new image.

    Args:
        image_id: The image to customize, as listed by `ims images list`. It is not changed.
        public_key_id: The SSH public key that opens the shell, as listed by `ims public-keys list`.
        image_root_archive_name: The new image's name.
        ssh_container_name: The shell's name in the job's record.
        jail: Whether the shell sees the image's root as `/`, and nothing else.
        enable_debug: Open another shell when packing fails; the job waits until it is ended.
        build_env_size: Size of the workspace, GiB.
        job_mem_size: Memory limit of each pod, GiB.
        kernel_file_name: The kernel's name in /boot. Empty: `vmlinuz`, on aarch64 `Image`.
        initrd_file_name: The initrd's name in /boot.
        kernel_parameters_file_name: Name in /boot of the file of kernel parameters. None there: those of the image.
        require_dkms: Kept in the job's record, as IMS does; the pods may compile kernel modules either way.
        script: A shell script, or an archive with one, that changes the image instead of a user: s3://BUCKET/KEY, as
            `ims scripts upload` says.
        playbook: An Ansible playbook, or an archive with one, in the script's place.
        script_entry: The file in the archive to begin with. Empty: `run.sh`, `site.yml` or `playbook.yml`.
        rebuild_initrd: Build the initrd again even if the kernel stays the same.
        only_if_changed: Change nothing when the newest image of this name is made of exactly the same, by the same
            script or playbook; a shell is opened always.
        job_id: A job to continue, with the parameters it was started with. Empty: a new job, named after this run.
    """
    job = open_job(JobType.CUSTOMIZE, locals())
    with reporting(job):
        if image := published_image(job):
            return image
        original = fetch_manifest(job)
        unattended = fetch_script(job)
        fingerprint = fingerprint_change(original, unattended, job)
        if only_if_changed and (image := unchanged_image(fingerprint, job)):
            return image
        context = stage_changes(original.files, job)
        if unattended:
            fetch_root(original, context, job)
        else:
            open_customize_shell(original, context, job)
        with debug_shell_on_failure(job):
            if unattended:
                run_script(unattended, job)
            package = package_artifacts(job)
        artifacts = upload_artifacts(package, job)
        return publish_image(artifacts, job, fingerprint)
