"""Following a job by the REST API: its status, as it changes. The log of a run is Prefect's, which the API has not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import typer

from cli.door import Door
from cli.hints import hint
from errors import Unreachable
from storage.models.jobs import Job
from storage.models.kinds import RecordKind

_POLL_SECONDS = 2.0
# A gateway or an API process that is started again answers before.
_SILENCE_SECONDS = 60.0


def follow_status(through: Door, job: Job, *, poll_seconds: float = _POLL_SECONDS) -> Job | None:
    """Show a job's status until it ends, and return its record; None when the user stops the command."""
    shown, answered = "", time.monotonic()
    try:
        while True:
            if job.status != shown:
                shown = job.status
                _show(job)
            if job.status.is_final:
                return job
            time.sleep(poll_seconds)
            with suppressed_until(answered + _SILENCE_SECONDS):
                job = through.get(RecordKind.JOB, job.id)
                answered = time.monotonic()
    except KeyboardInterrupt:
        typer.echo(f"\nThe job goes on. Follow it again with:\n  ims jobs watch {job.id}", err=True)
        return None


def _show(job: Job) -> None:
    hint(f"{datetime.now().astimezone():%H:%M:%S}  {job.status}")
    for shell in job.ssh_containers:
        if shell.command:
            hint(f"Connect with:\n  {shell.command}\nEnd it there with:\n  touch {shell.complete_file}")


@contextmanager
def suppressed_until(end: float) -> Iterator[None]:
    """Pass over a server that does not answer, until a time of the monotonic clock."""
    try:
        yield
    except Unreachable:
        if time.monotonic() > end:
            raise
