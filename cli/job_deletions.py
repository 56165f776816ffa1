"""`ims jobs delete` and `deleteall`: jobs are deleted with their logs, and the images they made are kept."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.door import door
from cli.examples import examples
from cli.hints import hint
from cli.names import record_id
from cli.output import Columns, print_records
from config.durations import parse_age
from errors import BadInput
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import RecordKind

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job: its id, its beginning, or its image's name.")]
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

    @app.command("delete", epilog=examples("ims jobs delete ID"))
    def delete(job_id: JobId) -> None:
        """Delete a job with its logs. It cannot be restored; the image it made is kept."""
        through = door()
        through.delete_jobs([through.get(RecordKind.JOB, record_id(RecordKind.JOB, job_id))])

    @app.command("deleteall", epilog=examples("ims jobs deleteall --age 4w --status error --dry-run"))
    def delete_all(
        age: Age = None, status: Status = None, job_type: Type = None, yes: Yes = False, dry_run: DryRun = False
    ) -> None:
        """Delete jobs with their logs: all of them, or those that match every filter. Running jobs are not deleted."""
        from storage.records.jobs import selected

        older = None if age is None else parse_age(age)
        wanted = selected(door().list(RecordKind.JOB), age=older, statuses=status or [], job_type=job_type)
        jobs = _without_running(wanted)
        if dry_run:
            print_records(jobs, columns, None, none="none")
        elif not jobs:
            hint("none")
        else:
            _ask(len(jobs), yes)
            door().delete_jobs(jobs)


def _without_running(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that no run works on, and print the others."""
    running = {job.id for job in jobs if not job.status.is_final and door().is_running(job)}
    for job in jobs:
        if job.id in running:
            typer.echo(f"not deleted: job {job.id} is running ({job.status})", err=True)
    return [job for job in jobs if job.id not in running]


def _ask(count: int, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"this would delete {count} jobs", resolution="confirm it with --yes")
    typer.confirm(f"Really delete {count} jobs with their logs?", abort=True, err=True)
