"""`ims reconcile`: finds what was interrupted and what is no longer needed, and repairs or removes it."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.filesize import decimal

from cli.output import Columns, FormatOption, print_records
from config.durations import spelled
from storage.reconcile.findings import Finding, Outcome

COLUMNS: Columns = {
    "what": lambda finding: finding.what,
    "why": lambda finding: finding.why,
    "age": lambda finding: "" if finding.age_seconds is None else spelled(finding.age),
    "size": lambda finding: "" if finding.bytes is None else decimal(finding.bytes),
    "outcome": lambda finding: f"{finding.action}: {finding.outcome}" if finding.action else finding.outcome,
}


def reconcile(
    apply: Annotated[
        bool, typer.Option("--apply", help="Repair or remove what can be. Otherwise nothing is changed.")
    ] = False,
    age: Annotated[str, typer.Option(help="Remove nothing that is younger: 3h, 7d or 1w2d; 1h at least.")] = "1d",
    output: FormatOption = None,
) -> None:
    """Find what was interrupted and what is no longer needed; with --apply, repair or remove it.

    Interrupted deletions and restorations are finished, jobs that no run works on are closed, and old uploads, pods,
    volumes and objects that no record refers to are removed. The exit code is 2 when something is left that needs you.
    """
    # Importing Prefect takes more than a second.
    from cli.runs import run_to_its_end
    from flows.deployments import RECONCILE
    from runs.client import Runs
    from tasks.reconciliation import TABLE, safety_age

    safety_age(age)

    def show(runs: Runs, run_id: str) -> None:
        tables = runs.tables(run_id, TABLE)
        if not tables:
            # The run failed before it made one.
            return
        findings = [Finding.model_validate(row) for row in tables[0]]
        print_records(findings, COLUMNS, output, none="all is in order")
        _say_what_now(findings)

    run_to_its_end(RECONCILE, {"apply": apply, "age": age}, show)


def _say_what_now(findings: Sequence[Finding]) -> None:
    if pending := sum(finding.outcome is Outcome.PENDING for finding in findings):
        typer.echo(f"{pending} can be repaired or removed: ims reconcile --apply", err=True)
