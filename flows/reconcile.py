"""The flow that puts in order what was cut off, and finds what nobody needs."""

from prefect import flow

from flows.hooks import write_error
from tasks.lost_jobs import settle_jobs, settle_pods
from tasks.orphans import settle_orphans
from tasks.reconciliation import judge, safety_age, table
from tasks.unfinished_moves import settle_moves


@flow(name="reconcile", flow_run_name="reconcile", on_failure=[write_error])
def reconcile(apply: bool = False, age: str = "1d") -> None:
    """Find half-done moves, lost jobs, stray pods, old uploads and orphaned objects; with `apply` put them in order.

    Safe at any time, and to run again: what runs are at work on is left alone, and what cannot be proved to be ours and
    needed by nobody is never removed. Fails when something is left that needs somebody; the table of the run names it.

    Args:
        apply: Put in order what can be. Otherwise nothing is changed.
        age: Nothing younger is removed: 90m, 3h, 7d or 1w2d; 1h at least.
    """
    safe = safety_age(age)
    with table() as findings:
        findings += settle_moves(apply)
        findings += settle_jobs(safe, apply)
        findings += settle_orphans(safe, apply)
        findings += settle_pods(safe, apply)
    judge(findings)
