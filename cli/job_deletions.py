"""`ims jobs delete` and `deleteall`: jobs are deleted with their logs, and the images they made are kept."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.output import Columns, print_records
from config.durations import parse_age
from errors import BadInput, NotFound
from runs.server_address import prefect_api_url
from storage.models.jobs import Job, JobStatus, JobType

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
Age = Annotated[
    str | None, typer.Option(help="Only jobs that were created longer ago: 90m, 3h, 7d or 1w2d.", show_default=False)
]
Status = Annotated[
    list[JobStatus] | None, typer.Option(help="Only jobs of this status; may be repeated.", show_default=False)
]
Type = Annotated[JobType | None, typer.Option("--job-type", help="Only jobs of this type.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which jobs would be deleted.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def add_deletion(app: typer.Typer, columns: Columns) -> None:
    """Add `delete` and `deleteall` to the commands of jobs.

    Args:
        app: The jobs' commands.
        columns: The columns of a list of jobs.
    """
    shown: Columns = {**columns, "created": lambda job: job.created.isoformat(timespec="minutes")}

    @app.command("delete")
    def delete(job_id: JobId) -> None:
        """Delete a job with its logs. It cannot be restored; the image it made is kept."""
        from storage.records.catalogue import catalogue

        _run([catalogue().jobs.get(job_id).id])

    @app.command("deleteall")
    def delete_all(
        age: Age = None, status: Status = None, job_type: Type = None, yes: Yes = False, dry_run: DryRun = False
    ) -> None:
        """Delete jobs with their logs: all of them, or those that match every filter. Running jobs are not deleted."""
        from storage.records.catalogue import catalogue
        from storage.records.jobs import selected

        older = None if age is None else parse_age(age)
        wanted = selected(catalogue().jobs.list(None), age=older, statuses=status or [], job_type=job_type)
        jobs = _without_running(wanted)
        if dry_run:
            print_records(jobs, shown, None, none="none")
        elif not jobs:
            typer.echo("none", err=True)
        else:
            _ask(len(jobs), yes)
            _run([job.id for job in jobs])


def _without_running(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that no run works on, and print the others."""
    running = {job.id for job in jobs if not job.status.is_final and _is_running(job)}
    for job in jobs:
        if job.id in running:
            typer.echo(f"not deleted: job {job.id} is running ({job.status})", err=True)
    return [job for job in jobs if job.id not in running]


def _is_running(job: Job) -> bool:
    # Importing Prefect takes more than a second.
    from runs.client import connected

    with connected(prefect_api_url()) as runs:
        try:
            return not runs.read_run(job.flow_run_id or job.id).state.is_final
        except NotFound:
            # It may be a run of another Prefect server, and still be running.
            return True


def _ask(count: int, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"this would delete {count} jobs", resolution="confirm it with --yes")
    typer.confirm(f"Really delete {count} jobs with their logs?", abort=True, err=True)


def _run(job_ids: list[str]) -> None:
    from cli.runs import run_to_its_end
    from flows.deployments import DELETE_JOBS

    run_to_its_end(DELETE_JOBS, {"job_ids": job_ids})
