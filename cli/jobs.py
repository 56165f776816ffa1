"""`ims jobs`: building and customizing images, and how far each job is."""

import sys
from typing import Annotated, Any

import typer

from cli.booleans import BOOLEANS
from cli.failures import OUR_FAULT, print_error
from cli.job_deletions import add_deletion
from cli.job_start import ssh_containers, start, unattended
from cli.output import Columns, FormatOption, print_record, print_records
from cli.shells import add_shells
from storage.models import job_defaults
from storage.models.jobs import Job, JobStatus, JobType

app = typer.Typer(help="Jobs: building and customizing images.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda job: job.id,
    "status": lambda job: job.status,
    "name": lambda job: job.image_root_archive_name,
}

add_deletion(app, COLUMNS)
add_shells(app)


@app.command("create")
def create(
    job_type: Annotated[JobType, typer.Option(help="create: build a recipe; customize: change an image.")],
    artifact_id: Annotated[str, typer.Option(help="Id of the recipe to build, or of the image to customize.")],
    public_key_id: Annotated[str, typer.Option(help="Id of the public key that opens the job's shell.")],
    image_root_archive_name: Annotated[str, typer.Option(help="Name of the new image.")],
    enable_debug: Annotated[bool, typer.Option(help="Open an SSH shell when the build or the packing fails.")] = False,
    build_env_size: Annotated[
        int, typer.Option(min=1, help="Size of the workspace, GiB.")
    ] = job_defaults.BUILD_ENV_SIZE,
    job_mem_size: Annotated[
        int, typer.Option(min=1, help="Memory limit of each pod, GiB.")
    ] = job_defaults.JOB_MEM_SIZE,
    kernel_file_name: Annotated[
        str, typer.Option(help="The kernel's name in /boot; vmlinuz, on aarch64 Image, when left out.")
    ] = "",
    initrd_file_name: Annotated[str, typer.Option(help="The initrd's name in /boot.")] = job_defaults.INITRD_FILE_NAME,
    kernel_parameters_file_name: Annotated[
        str, typer.Option(help="Name of the file of kernel parameters in /boot; an image without one has none.")
    ] = job_defaults.KERNEL_PARAMETERS_FILE_NAME,
    require_dkms: Annotated[
        bool | None,
        typer.Option(help="Whether the build compiles kernel modules; as the recipe says when left out."),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(help="A kiwi profile of the recipe to build; may be repeated. Left out: those it builds itself."),
    ] = None,
    jail: Annotated[
        bool, typer.Option("--jail", help="The shell sees nothing but the image's root. For customize jobs.")
    ] = False,
    ssh_containers_name: Annotated[str, typer.Option(help="The shell's name, as in cray ims.")] = "",
    ssh_containers_jail: Annotated[
        str, typer.Option(metavar=BOOLEANS, help="The same as --jail, as in cray ims: true or false.")
    ] = "",
    script: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Customize by this shell script, archive or folder (or s3://BUCKET/KEY) instead of an SSH shell.",
        ),
    ] = "",
    playbook: Annotated[
        str, typer.Option(metavar="FOLDER", help="Customize by this Ansible playbook: a folder, archive or file.")
    ] = "",
    script_entry: Annotated[
        str,
        typer.Option(metavar="NAME", help="The file in it to begin with; left out: run.sh, site.yml or playbook.yml."),
    ] = "",
    rebuild_initrd: Annotated[
        bool,
        typer.Option(
            "--rebuild-initrd", help="Build the initrd again even if the kernel stays the same. For customize jobs."
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the job to its end; exit code 1 when it ends in error.")
    ] = False,
    output: FormatOption = None,
) -> None:
    """Start a job, and print its record."""
    fields: dict[str, Any] = {
        "artifact_id": artifact_id,
        "public_key_id": public_key_id,
        "image_root_archive_name": image_root_archive_name,
        "enable_debug": enable_debug,
        "build_env_size": build_env_size,
        "job_mem_size": job_mem_size,
        "initrd_file_name": initrd_file_name,
        "kernel_parameters_file_name": kernel_parameters_file_name,
    }
    # What is left out follows from the recipe or image.
    if kernel_file_name:
        fields["kernel_file_name"] = kernel_file_name
    if require_dkms is not None:
        fields["require_dkms"] = "yes" if require_dkms else "no"
    if profile:
        fields["profiles"] = ",".join(profile)
    if shells := ssh_containers(ssh_containers_name, ssh_containers_jail, jail=jail):
        fields["ssh_containers"] = shells
    fields |= unattended(script, playbook, script_entry, rebuild_initrd=rebuild_initrd)
    job, address = start(job_type, fields)
    if not wait:
        print_record(job, output)
        typer.echo(f"Follow it at {address}, or with: ims jobs describe {job.id}", err=True)
        return
    _follow(job, address, output)


@app.command("list")
def list_jobs(output: FormatOption = None) -> None:
    """List the jobs."""
    from storage.records.catalogue import catalogue

    print_records(catalogue().jobs.list(), COLUMNS, output)


@app.command("describe")
def describe(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    output: FormatOption = None,
) -> None:
    """Show one job."""
    from storage.records.catalogue import catalogue

    print_record(catalogue().jobs.get(job_id), output)


def _follow(job: Job, address: str, output: FormatOption) -> None:
    from cli.following import follow

    typer.echo(f"Job {job.id}: {address}", err=True)
    ended = follow(job.id)
    if ended is None:
        raise typer.Exit(130)
    print_record(ended, output)
    if ended.status is JobStatus.SUCCESS:
        typer.echo(f"Get the image with: ims images download {ended.resultant_image_id}", err=True)
        return
    sys.stdout.flush()
    if ended.diagnosis is not None:
        print_error(ended.diagnosis.category, ended.diagnosis.summary, ended.diagnosis.resolution)
    raise typer.Exit(OUR_FAULT)
