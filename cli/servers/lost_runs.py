"""Flow runs whose worker was killed: they are resumed under the same id, unless a user has cancelled them."""

from collections.abc import Callable

from runs.client import Runs
from runs.run import Run
from storage.records.catalogue import Catalogue
from storage.records.holds import release_hold


def resume_lost_runs(
    runs: Runs, records: Catalogue, say: Callable[[str], None], is_lost: Callable[[str], bool]
) -> None:
    """Resume the runs that a killed worker left, and end those that are to be cancelled.

    Args:
        runs: The Prefect server's.
        records: The records of their jobs.
        say: Prints a line.
        is_lost: Tells by the name of a worker that it is not running; a run may have no worker yet, and an empty name.
    """
    for run in (run for run in runs.pool.active_runs() if is_lost(run.worker)):
        _release_jobs(run, records)
        if not run.state.is_cancelling and runs.resume(run.id):
            say(f"Resumed: flow run {run.id}")
            continue
        state = runs.read_run(run.id).state
        if state.is_cancelling or state.is_cancelled:
            _cancel_jobs(run, records)
            runs.mark_cancelled(run.id, "cancelled; its process had ended before")
            say(f"Cancelled: flow run {run.id}")


def _release_jobs(run: Run, records: Catalogue) -> None:
    """Release the run's hold on its jobs: its process has ended, and the next one need not wait to see that."""
    from tasks.jobs_of_runs import jobs_of_run

    for job in jobs_of_run(run.id, run.parameters, records):
        if job.hold and job.hold.run_id == run.id:
            release_hold(records, job.id, job.hold.holder)


def _cancel_jobs(run: Run, records: Catalogue) -> None:
    from tasks.jobs import cancel
    from tasks.jobs_of_runs import jobs_of_run

    for job in jobs_of_run(run.id, run.parameters, records):
        cancel(job.id)
