"""Following a job to its end: its status and its log, live on a terminal, plain lines elsewhere; all on stderr."""

from datetime import datetime
from typing import TextIO

import typer
from rich.console import Console

from cli.hints import is_quiet
from cli.log_lines import shown
from cli.runs import NO_WORKER
from errors import Interrupted, TransientError, Unreachable
from runs.client import Runs, connected
from runs.error import raise_for_state
from runs.following import Progress, progress_of
from runs.run import Run
from runs.server_address import prefect_api_url
from storage.models.jobs import Job
from storage.models.shells import DEBUG
from storage.records.catalogue import Catalogue, catalogue


def follow(job_id: str, *, log: TextIO | None = None) -> Job | None:
    """Show a job's status and log until it ends, and return its record; None when the user stops the command.

    Args:
        job_id: The job.
        log: Gets the whole log, as it is; else what matters of it is shown with the status.

    Raises:
        Interrupted: The run ended without ending its job; it can be retried.
        ImsError: The same, by an error that a retry would meet again.
        Unreachable: A server does not answer any more; the job may go on.
    """
    with connected(prefect_api_url()) as runs:
        follower = _Follower(runs, catalogue(), job_id, log)
        try:
            return follower.to_its_end()
        except (KeyboardInterrupt, Unreachable) as error:
            if follower.job is not None and follower.job.status.is_final:
                # Only the end of its run was not seen: `ims up` was stopped, for one.
                return follower.job
            typer.echo(
                f"\nThe job goes on. Follow it again with:\n  ims jobs watch {job_id}\n"
                f"Cancel it with:\n  ims jobs cancel {job_id}",
                err=True,
            )
            if isinstance(error, Unreachable):
                raise
            return None


class _Follower:
    def __init__(self, runs: Runs, records: Catalogue, job_id: str, log: TextIO | None) -> None:
        self._runs = runs
        self._records = records
        self._job_id = job_id
        self._log = log
        self.job: Job | None = None
        self._console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        self._status = ""
        self._warned = False

    def to_its_end(self) -> Job:
        # Without a terminal nothing is drawn: each line is printed once.
        with self._console.status("starting", spinner="line") as live:
            for progress in progress_of(self._runs, self._run_of_job):
                self._show_log(progress)
                self._show_status(progress)
                live.update(f"{self._status}, {progress.seconds:.0f} s")
        return self._ended(progress.run)

    def _read_job(self) -> Job:
        self.job = self._records.jobs.get(self._job_id)
        return self.job

    def _run_of_job(self) -> str:
        return self._read_job().flow_run_id

    def _ended(self, run: Run) -> Job:
        job = self._read_job()
        if not job.status.is_final:
            _raise_for_unfinished(self._runs, run, job)
        return job

    def _show_status(self, progress: Progress) -> None:
        job, state = self.job or self._read_job(), progress.run.state
        status = "waiting for a worker" if state.is_waiting else str(job.status)
        if status != self._status:
            self._status = status
            if not is_quiet() and self._log is None:
                self._console.print(f"{datetime.now().astimezone():%H:%M:%S}  {status}", style="bold")
            self._show_shells(job)
        if progress.is_overdue and not self._warned:
            self._warned = True
            self._console.print(NO_WORKER)

    def _show_shells(self, job: Job) -> None:
        for shell in job.ssh_containers:
            if shell.command:
                what = "The build failed. Look around" if shell.name == DEBUG else "Customize the image"
                self._console.print(
                    f"{what} with:\n  {shell.command}\nThe host key is {shell.host_key}\n"
                    f"End it there with:\n  touch {shell.complete_file}\nor here with:\n  ims jobs complete {job.id}"
                )

    def _show_log(self, progress: Progress) -> None:
        for line in progress.lines:
            text = shown(line, whole=self._log is not None)
            if text is None:
                continue
            if self._log is not None:
                typer.echo(text, file=self._log)
            elif not is_quiet():
                self._console.print(f"{line.time.astimezone():%H:%M:%S}  {text}")


def _raise_for_unfinished(runs: Runs, run: Run, job: Job) -> None:
    """Raise why a run has ended without ending its job."""
    why = run.state.message
    if run.state.is_failed:
        try:
            raise_for_state(runs, run)
        except TransientError as error:
            why = error.message
    raise Interrupted(
        f"the flow run of job {job.id} ended as {run.state.name} ({why}) while the job was {job.status}",
        resolution=f"retry the run at {runs.address(run.id)}: it continues where it stopped",
    )
