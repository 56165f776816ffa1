"""Following a job to its end: its status and its log, live on a terminal, plain lines elsewhere; all on stderr."""

import sys
import time
from datetime import datetime

import typer
from rich.console import Console

from errors import Interrupted, Unreachable
from flows.deployments import LogLine, Run, Runs, connected
from storage.models.jobs import Job
from storage.models.shells import DEBUG
from storage.records.catalogue import catalogue

POLL_SECONDS = 1.0
# A worker asks for runs every two seconds, and a process takes as long to start.
PATIENCE_SECONDS = 20.0
# After a run has ended, its job is closed by then; the last lines of its log are in.
LAST_WORDS_SECONDS = 2.0


def follow(job_id: str) -> Job | None:
    """Show a job's status and log until it ends, and return its record; None when the user stops looking.

    Raises:
        Interrupted: The run ended without ending its job.
        Unreachable: A server does not answer any more; the job may go on.
    """
    with connected() as runs:
        follower = _Follower(runs, job_id)
        try:
            return follower.to_its_end()
        except (KeyboardInterrupt, Unreachable) as error:
            if follower.job is not None and follower.job.status.is_final:
                # The job's end was seen already; only the run's was not, for `ims up` was stopped.
                return follower.job
            typer.echo(
                f"\nThe job goes on. See it with:\n  ims jobs describe {job_id}\nCancel it with:\n"
                f"  PREFECT_API_URL={runs.api_url} {sys.prefix}/bin/prefect flow-run cancel {job_id}",
                err=True,
            )
            if isinstance(error, Unreachable):
                raise
            return None


class _Follower:
    def __init__(self, runs: Runs, job_id: str) -> None:
        self._runs = runs
        self._job_id = job_id
        self.job: Job | None = None
        self._console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        self._shown: set[str] = set()
        self._newest: datetime | None = None
        self._status = ""
        self._warned = False

    def to_its_end(self) -> Job:
        started = time.monotonic()
        with self._console.status("starting") as live:
            while True:
                self.job = catalogue().jobs.get(self._job_id)
                run = self._runs.find(self.job.flow_run_id)
                self._show_log(run.id)
                self._show_status(self.job, run, time.monotonic() - started)
                live.update(f"{self._status}, {time.monotonic() - started:.0f} s")
                if run.state.is_final:
                    time.sleep(LAST_WORDS_SECONDS)
                    self._show_log(run.id)
                    return self._ended(run)
                time.sleep(POLL_SECONDS)

    def _ended(self, run: Run) -> Job:
        job = catalogue().jobs.get(self._job_id)
        if not job.status.is_final:
            raise Interrupted(
                f"the flow run of job {job.id} ended as {run.state.name} ({run.state.message}) "
                f"while the job was {job.status}",
                resolution=f"retry the run at {self._runs.address(run.id)}: it goes on where it stopped",
            )
        return job

    def _show_status(self, job: Job, run: Run, seconds: float) -> None:
        status = "waiting for a worker" if run.state.is_waiting else str(job.status)
        if status != self._status:
            self._status = status
            self._console.print(f"{datetime.now().astimezone():%H:%M:%S}  {status}", style="bold")
            self._show_shells(job)
        if run.state.is_waiting and seconds > PATIENCE_SECONDS and not self._warned:
            self._warned = True
            self._console.print("no worker has taken the run yet: is `ims up` running, and its work pool not paused?")

    def _show_shells(self, job: Job) -> None:
        for shell in job.ssh_containers:
            if shell.command:
                what = "The build failed. Look around" if shell.name == DEBUG else "Customize the image"
                self._console.print(
                    f"{what} with:\n  {shell.command}\nThe host key is {shell.host_key}\n"
                    f"End it there with:\n  touch {shell.complete_file}\nor here with:\n  ims jobs complete {job.id}"
                )

    def _show_log(self, run_id: str) -> None:
        for line in self._runs.log(run_id, self._newest):
            if line.id not in self._shown:
                self._shown.add(line.id)
                if _is_told(line):
                    self._console.print(f"{line.time.astimezone():%H:%M:%S}  {line.text}")
            self._newest = max(line.time, self._newest or line.time)


def _is_told(line: LogLine) -> bool:
    """Tell whether a line says something of the job: of Prefect's own lines only those on retries do."""
    return not line.logger.startswith("prefect") or "Retry" in line.text
