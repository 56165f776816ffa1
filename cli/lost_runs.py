"""Flow runs whose worker is gone: those that nobody cancelled go on, under the same id."""

from collections.abc import Callable

from flows.deployments import Run, Runs


def resume_lost_runs(runs: Runs, say: Callable[[str], None], is_lost: Callable[[str], bool]) -> None:
    """Resume the runs that a killed worker left, and end those that were to be cancelled.

    Args:
        runs: The Prefect server's.
        say: Prints a line.
        is_lost: Tells by the name of a worker that it is not running; a run may have no worker yet, and an empty name.
    """
    for run in (run for run in runs.in_hand() if is_lost(run.worker)):
        _release_jobs(run)
        if not run.state.is_cancelling and runs.resume(run.id):
            say(f"Resumed: flow run {run.id}")
        elif runs.find(run.id).state.is_cancelled:
            _cancel_jobs(run)
            runs.mark_cancelled(run.id, "cancelled; its process was gone already")
            say(f"Cancelled: flow run {run.id}")


def _release_jobs(run: Run) -> None:
    """Let go of the jobs that the run's process held: it is gone, and the next one need not wait to see that."""
    from storage.records.catalogue import catalogue
    from storage.records.holds import release_hold
    from tasks.jobs_of_runs import jobs_of_run

    for job in jobs_of_run(run.id, run.parameters):
        if job.hold and job.hold.run_id == run.id:
            release_hold(catalogue(), job.id, job.hold.holder)


def _cancel_jobs(run: Run) -> None:
    from tasks.jobs import cancel
    from tasks.jobs_of_runs import jobs_of_run

    for job in jobs_of_run(run.id, run.parameters):
        cancel(job.id)
