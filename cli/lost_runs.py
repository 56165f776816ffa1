"""Flow runs whose worker is gone: those that nobody cancelled go on, under the same id."""

from collections.abc import Callable

from flows.deployments import Runs


def settle_lost_runs(runs: Runs, say: Callable[[str], None], worker: str = "") -> None:
    """Settle the runs that a killed worker left. It must not be running.

    Args:
        runs: The Prefect server's.
        say: Prints a line.
        worker: The worker's name; empty when no worker at all is running.
    """
    for run in runs.in_hand(worker):
        if run.state.type != "CANCELLING":
            runs.take_up_again(run.id)
            say(f"Taken up again: flow run {run.id}")
            continue
        from tasks.jobs import cancel

        cancel(run.parameters.get("job_id") or run.id)
        runs.settle_cancelled(run.id, "cancelled; its process was gone already")
        say(f"Cancelled: flow run {run.id}")
