"""The frame of a reconciliation: its safety age, the table of its findings, and its end."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from prefect.artifacts import create_table_artifact

from config.durations import parse_age
from errors import BadInput, Conflict
from storage.reconcile.findings import Finding

logger = logging.getLogger(__name__)

TABLE = "reconcile"
# An object comes before its record: a registration by hand may take minutes between the two.
LEAST_AGE = timedelta(hours=1)


def safety_age(text: str) -> timedelta:
    """Read the safety age: what is younger is not changed.

    Raises:
        BadInput: It is not an age, or is too short to be safe.
    """
    age = parse_age(text)
    if age < LEAST_AGE:
        raise BadInput(
            f"a safety age of {text} is too short: objects that a user is about to register may be as old",
            resolution="give 1h or more; the default is 1d",
        )
    return age


@contextmanager
def table() -> Iterator[list[Finding]]:
    """Collect findings, and write them as a table of the flow run, also when a step fails."""
    findings: list[Finding] = []
    try:
        yield findings
    finally:
        rows = [finding.model_dump(mode="json") for finding in findings]
        create_table_artifact(rows, key=TABLE, description="What was not in order, and what became of it.")


def fail_if_unsettled(findings: Sequence[Finding]) -> None:
    """Log the counts of the findings, and end the flow in error when something is still not in order.

    Raises:
        Conflict: A repair failed, or a finding needs a user.
    """
    counts = Counter(str(finding.outcome) for finding in findings)
    logger.info("%s", ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "all is in order")
    if unsettled := [finding for finding in findings if finding.is_unsettled]:
        raise Conflict(
            f"{len(unsettled)} of {len(findings)} findings are not in order: "
            + "; ".join(f"{finding.what}: {finding.why}" for finding in unsettled[:3])
            + ("; …" if len(unsettled) > 3 else ""),
            resolution="see the table of the run; the next run tries failed repairs again",
        )
