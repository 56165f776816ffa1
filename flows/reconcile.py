"""The flow that finds what was interrupted or is no longer needed, and repairs or removes it."""

from prefect import flow

from flows.hooks import write_error
from tasks.lost_jobs import repair_jobs, repair_pods
from tasks.orphans import repair_orphans
from tasks.reconciliation import fail_if_unsettled, safety_age, table
from tasks.unfinished_moves import repair_moves


@flow(name="reconcile", flow_run_name="reconcile", on_failure=[write_error])
def reconcile(apply: bool = False, age: str = "1d") -> None:
    """Find interrupted moves, lost jobs, stray pods, old uploads and orphaned objects; `apply` repairs or removes them.

    Safe to run at any time, and again: what a run works on is not touched, and only what is proved to be ours and no
    longer needed is removed. Fails when a finding needs the administrator; the table of the run names it.

    Args:
        apply: Repair or remove what can be. Otherwise nothing is changed.
        age: Nothing younger is removed: 90m, 3h, 7d or 1w2d; 1h at least.
    """
    safe = safety_age(age)
    with table() as findings:
        findings += repair_moves(apply)
        findings += repair_jobs(safe, apply)
        findings += repair_orphans(safe, apply)
        findings += repair_pods(safe, apply)
    fail_if_unsettled(findings)
