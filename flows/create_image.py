"""The flow that builds an image from a recipe."""

from prefect import flow

from flows.hooks import cancel_jobs, mark_jobs_crashed, write_error
from storage.models import job_defaults
from storage.models.fields import FileName, GiB, Id, Name, OptionalFileName, OptionalId, Profiles
from storage.models.job_parameters import RequireDkms
from storage.models.jobs import JobType
from storage.models.records import Image
from tasks.artifacts import package_artifacts, upload_artifacts
from tasks.builder_images import find_builder_image
from tasks.ca_rpm import build_ca_rpm, render_ca_rpm
from tasks.contexts import stage_context
from tasks.fingerprints import confirm_repositories, fingerprint_build, unchanged_image
from tasks.images import publish_image, published_image
from tasks.jobs import open_job, reporting
from tasks.kiwi import build_image_root
from tasks.kiwi_config import render_kiwi_config
from tasks.recipes import fetch_recipe, find_recipe, render_description, untar_recipe
from tasks.repositories import wait_for_repositories
from tasks.shells import debug_shell_on_failure


@flow(
    name="create-image",
    flow_run_name="create {image_root_archive_name}",
    on_cancellation=[cancel_jobs],
    on_crashed=[mark_jobs_crashed],
    on_failure=[write_error],
)
def create_image(
    recipe_id: Id,
    public_key_id: Id,
    image_root_archive_name: Name,
    enable_debug: bool = False,
    build_env_size: GiB = job_defaults.BUILD_ENV_SIZE,
    job_mem_size: GiB = job_defaults.JOB_MEM_SIZE,
    kernel_file_name: OptionalFileName = "",
    initrd_file_name: FileName = job_defaults.INITRD_FILE_NAME,
    kernel_parameters_file_name: FileName = job_defaults.KERNEL_PARAMETERS_FILE_NAME,
    require_dkms: RequireDkms = "as the recipe says",
    profiles: Profiles = "",
    only_if_changed: bool = False,
    job_id: OptionalId = "",
) -> Image:
    """Build an image root from a recipe and publish it as a new image.

    Args:
        recipe_id: The recipe to build, as listed by `ims recipes list`.
        public_key_id: The SSH public key that opens a debug shell, as listed by `ims public-keys list`.
        image_root_archive_name: The new image's name.
        enable_debug: Open an SSH shell into a build that fails; the job waits until it is ended.
        build_env_size: Size of the workspace, GiB.
        job_mem_size: Memory limit of each pod, GiB.
        kernel_file_name: The kernel's name in /boot. Empty: `vmlinuz`, on aarch64 `Image`.
        initrd_file_name: The initrd's name in /boot.
        kernel_parameters_file_name: Name in /boot of the file of kernel parameters; an image without one has none.
        require_dkms: Whether the build compiles kernel modules.
        profiles: kiwi profiles of the recipe to build, separated by commas. Empty: those that it builds by itself.
        only_if_changed: Build nothing when the newest image of this name is made of exactly the same.
        job_id: A job to continue, with the parameters it was started with. Empty: a new job, named after this run.
    """
    job = open_job(JobType.CREATE, locals())
    with reporting(job):
        if image := published_image(job):
            return image
        recipe = find_recipe(job)
        archive = fetch_recipe(recipe, job)
        unpacked = untar_recipe(archive, job)
        description = render_description(unpacked, recipe, job)
        configuration = render_kiwi_config(description, recipe, job)
        metadata = wait_for_repositories(configuration, job)
        ca_rpm_source = render_ca_rpm(description)
        builder_image = find_builder_image(description)
        fingerprint = fingerprint_build(configuration, ca_rpm_source, metadata, builder_image, job)
        if only_if_changed and (image := unchanged_image(fingerprint, job)):
            return image
        ca_rpm = build_ca_rpm(ca_rpm_source, job)
        context = stage_context(configuration, ca_rpm, job)
        with debug_shell_on_failure(job):
            build_image_root(context, builder_image, job)
            fingerprint = confirm_repositories(fingerprint, configuration, job)
            package = package_artifacts(job)
        artifacts = upload_artifacts(package, job)
        return publish_image(artifacts, job, fingerprint)
