"""Flow runs that a command starts and waits for: their log on stderr, their error as the command's."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from errors import Unreachable
from runs.client import Runs, connected
from runs.error import raise_for_state
from runs.following import progress_of
from runs.loggers import is_ours
from runs.run import Run
from runs.server_address import prefect_api_url
from storage.models.records import new_id

NO_WORKER = "no worker has taken the run yet: is `ims up` running, and its work pool not paused?"


def run_to_its_end(
    deployment: str, parameters: Mapping[str, Any], at_end: Callable[[Runs, str], None] = lambda *_: None
) -> None:
    """Start a run of a deployment and wait for its end.

    Args:
        deployment: `flow name/deployment name`.
        parameters: The flow's parameters.
        at_end: Called with the run's id when it has ended, also when it has failed.

    Raises:
        ImsError: What the run failed with.
        Interrupted: It was cancelled, or its process was killed; the same command continues where it stopped.
        Unreachable: A server does not answer any more; the run may go on.
    """
    with connected(prefect_api_url()) as runs:
        run_id = runs.start(deployment, parameters, idempotency_key=new_id())
        try:
            run = _followed(runs, run_id)
        except (KeyboardInterrupt, Unreachable):
            typer.echo(f"\nThe run goes on: {runs.address(run_id)}", err=True)
            raise
        at_end(runs, run_id)
        raise_for_state(runs, run)


def _followed(runs: Runs, run_id: str) -> Run:
    """Show the log of a run until it has ended."""
    warned = False
    for progress in progress_of(runs, lambda: run_id):
        for line in progress.lines:
            if is_ours(line.logger):
                typer.echo(line.text, err=True)
        if progress.is_overdue and not warned:
            warned = True
            typer.echo(NO_WORKER, err=True)
    return progress.run
