"""Flow runs that a command starts and waits for: their own words on stderr, their error as the command's."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import typer

import errors
from cli.following import LAST_WORDS_SECONDS, PATIENCE_SECONDS, POLL_SECONDS
from errors import ImsError, Interrupted, Unreachable
from flows.deployments import Run, Runs, connected
from runs.loggers import is_ours
from storage.models.records import new_id

# How Prefect tells of an exception: its class and its words.
_FAILED = re.compile(r"exception: (?P<kind>\w+): (?P<words>.*)", re.DOTALL)


def run_to_its_end(
    deployment: str, parameters: Mapping[str, Any], at_end: Callable[[Runs, str], None] = lambda *_: None
) -> None:
    """Start a run of a deployment and wait for its end.

    Args:
        deployment: `flow name/deployment name`.
        parameters: The flow's parameters.
        at_end: Called with the run's id when it has ended, however it did.

    Raises:
        ImsError: What the run failed with.
        Interrupted: It was cancelled, or its process was lost; whoever starts it again goes on where it stopped.
        Unreachable: A server does not answer any more; the run may go on.
    """
    with connected() as runs:
        run_id = runs.start(deployment, parameters, idempotency_key=new_id())
        try:
            run = _followed(runs, run_id)
        except (KeyboardInterrupt, Unreachable):
            typer.echo(f"\nThe run goes on: {runs.address(run_id)}", err=True)
            raise
        at_end(runs, run_id)
        _judge(run, runs.address(run_id))


def _followed(runs: Runs, run_id: str) -> Run:
    """Show what a run says until it has ended."""
    shown: set[str] = set()
    newest: datetime | None = None
    started, warned = time.monotonic(), False
    while True:
        run = runs.find(run_id)
        if run.state.is_final:
            time.sleep(LAST_WORDS_SECONDS)
        newest = _show_log(runs, run_id, shown, newest)
        if run.state.is_final:
            return run
        if run.state.is_waiting and not warned and time.monotonic() - started > PATIENCE_SECONDS:
            warned = True
            typer.echo("no worker has taken the run yet: is `ims up` running, and its pool not paused?", err=True)
        time.sleep(POLL_SECONDS)


def _show_log(runs: Runs, run_id: str, shown: set[str], newest: datetime | None) -> datetime | None:
    for line in runs.log(run_id, newest):
        if line.id not in shown:
            shown.add(line.id)
            if is_ours(line.logger):
                typer.echo(line.text, err=True)
        newest = max(line.time, newest or line.time)
    return newest


def _judge(run: Run, address: str) -> None:
    if run.state.type == "COMPLETED":
        return
    failed = _FAILED.search(run.state.message)
    kind = getattr(errors, failed["kind"], None) if failed else None
    if failed and isinstance(kind, type) and issubclass(kind, ImsError):
        raise kind(failed["words"].strip())
    raise Interrupted(
        f"the flow run ended as {run.state.name}: {run.state.message or 'it says nothing'}",
        resolution=f"see its log at {address}; the same command goes on where it stopped",
    )
