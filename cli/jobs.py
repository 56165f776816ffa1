"""`ims jobs`: building and customizing images, and how far each job is."""

import sys
from typing import Annotated, Any

import typer

from cli.booleans import BOOLEANS
from cli.door import door, is_by_api
from cli.examples import examples
from cli.failures import OUR_FAULT, print_error
from cli.hints import hint
from cli.job_deletions import JobId, Status, Type, add_deletion
from cli.job_start import ssh_containers, start, unattended
from cli.names import record_id
from cli.output import Columns, FormatOption, moment, print_record, print_records
from cli.selection import Limit, NameFilter, Order, Sort, selected
from cli.shells import add_shells
from errors import BadInput
from storage.models import job_defaults
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import RecordKind

app = typer.Typer(help="Jobs: building and customizing images.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": lambda job: job.id,
    "status": lambda job: job.status,
    "type": lambda job: job.job_type,
    "created": lambda job: moment(job.created),
    "name": lambda job: job.image_root_archive_name,
    "from": lambda job: f"{'recipe' if job.job_type is JobType.CREATE else 'image'} {job.artifact_id}",
    "image": lambda job: job.resultant_image_id or "",
}

add_deletion(app, COLUMNS)
add_shells(app)


@app.command(
    "create",
    epilog=examples(
        "ims jobs create --job-type create --artifact-id RECIPE \\",
        "  --public-key-id KEY --image-root-archive-name compute --wait",
        "ims jobs create --job-type customize --artifact-id IMAGE \\",
        "  --public-key-id KEY --image-root-archive-name compute-2 --script h.sh",
    ),
)
def create(
    job_type: Annotated[JobType, typer.Option(help="create: build a recipe; customize: change an image.")],
    artifact_id: Annotated[str, typer.Option(help="The recipe to build, or the image to customize: id or name.")],
    public_key_id: Annotated[str, typer.Option(help="The public key that opens the job's shell: id or name.")],
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
        hint(f"Follow it {f'at {address}, or ' if address else ''}with: ims jobs watch {job.id}")
        return
    _follow(job, address, output)


@app.command("list", epilog=examples("ims jobs list --sort newest --limit 5", "ims jobs list --status error"))
def list_jobs(
    name: NameFilter = "",
    status: Status = None,
    job_type: Type = None,
    sort: Sort = Order.CREATED,
    limit: Limit = None,
    output: FormatOption = None,
) -> None:
    """List the jobs. The name is that of the image that a job makes."""
    from storage.records import jobs

    found = jobs.selected(door().list(RecordKind.JOB), age=None, statuses=status or [], job_type=job_type)
    print_records(selected(found, name, sort, limit), COLUMNS, output)


@app.command("describe", epilog=examples("ims jobs describe ID"))
def describe(job_id: JobId, output: FormatOption = None) -> None:
    """Show one job."""
    print_record(_job(job_id), output)


@app.command("watch", epilog=examples("ims jobs watch ID"))
def watch(job_id: JobId, output: FormatOption = None) -> None:
    """Follow a job to its end, as `create --wait` does; exit code 1 when it ends in error."""
    _follow(_job(job_id), "", output)


@app.command(
    "logs", epilog=examples("ims jobs logs ID", "ims jobs logs ID --step prepare", "ims jobs logs ID --follow")
)
def logs(
    job_id: JobId,
    step: Annotated[str, typer.Option(metavar="STEP", help="Only the log of this step, such as prepare.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Print the log of the run, until the job ends.")] = False,
) -> None:
    """Print the logs of a job's steps. A step's log is kept when the step has ended."""
    if follow and step:
        raise BadInput("--follow prints the log of all steps", resolution="leave out --step or --follow")
    from cli.job_logs import chosen_steps, print_logs, steps_with_logs
    from cli.objects import objects

    job = _job(job_id)
    if follow:
        _refuse_without_prefect("following a log")
        from cli.following import follow as follow_job

        if follow_job(job.id, log=sys.stdout) is None:
            raise typer.Exit(130)
        return
    store = objects("reading logs")
    kept = steps_with_logs(store, job)
    steps = chosen_steps(job, kept, step)
    print_logs(store, job, steps, with_titles=not step)
    if not job.status.is_final:
        hint(f"The job is {job.status}. Follow it with: ims jobs logs {job.id} --follow")


@app.command("cancel", epilog=examples("ims jobs cancel ID"))
def cancel(job_id: JobId) -> None:
    """Cancel a job: its pods are stopped, its workspace is removed, and it ends in error."""
    _refuse_without_prefect("cancelling a job")
    from cli.cancelling import cancel as cancel_job

    ended = cancel_job(_job(job_id))
    hint(f"Job {ended.id} is cancelled. Delete it with: ims jobs delete {ended.id}")


def _job(given: str) -> Job:
    job: Job = door().get(RecordKind.JOB, record_id(RecordKind.JOB, given))
    return job


def _refuse_without_prefect(what: str) -> None:
    """Refuse what the REST API does not have."""
    if is_by_api():
        raise BadInput(
            f"{what} needs S3 and Prefect: the REST API of IMS does not have it",
            resolution="run the command where they are reached, without IMS_API_URL",
        )


def _follow(job: Job, address: str, output: FormatOption) -> None:
    hint(f"Job {job.id}{f': {address}' if address else ''}")
    ended = _to_its_end(job)
    if ended is None:
        raise typer.Exit(130)
    if ended.status is JobStatus.SUCCESS:
        print_record(ended, output)
        hint(f"Get the image with: ims images download {ended.resultant_image_id}")
        return
    if output is not None or not sys.stdout.isatty():
        # For programs. On a terminal the cause would be lost above it.
        print_record(ended, output)
        sys.stdout.flush()
    if ended.diagnosis is not None:
        print_error(ended.diagnosis.category, ended.diagnosis.summary, ended.diagnosis.resolution)
    hint(f"See the logs with: ims jobs logs {ended.id}")
    raise typer.Exit(OUR_FAULT)


def _to_its_end(job: Job) -> Job | None:
    if is_by_api():
        from cli.following_by_api import follow_status

        return follow_status(door(), job)
    from cli.following import follow

    return follow(job.id)
