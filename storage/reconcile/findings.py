"""Findings: what is not in order, why, how old it is, and what repairs it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from errors import PermanentError, TransientError


class Kind(StrEnum):
    """What was found."""

    MOVE = "move"
    JOB = "job"
    PODS = "pods"
    UPLOAD = "upload"
    OBJECT = "object"
    RECORD = "record"


class Outcome(StrEnum):
    """What became of it."""

    AT_WORK = "at work"
    YOUNG = "too young"
    LEFT = "left"
    PENDING = "to be done"
    DONE = "done"
    FAILED = "failed"
    NEEDS_YOU = "needs you"


class Finding(BaseModel):
    """One row of the report.

    Args:
        kind: What was found.
        what: Its URI or its id.
        why: Why it is not in order, or why it is left; after a failure what went wrong.
        action: What repairs it; empty when only a user can.
        outcome: What became of it.
        age_seconds: How old it is, where that is known.
        bytes: How large it is, where that is known.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    what: str
    why: str
    action: str = ""
    outcome: Outcome
    age_seconds: int | None = None
    bytes: int | None = None

    @property
    def age(self) -> timedelta:
        """How old it is; zero where that is not known."""
        return timedelta(seconds=self.age_seconds or 0)

    @property
    def is_unsettled(self) -> bool:
        """Whether it is still not in order after the repair was tried."""
        return self.outcome in {Outcome.FAILED, Outcome.NEEDS_YOU}


class Remedy(NamedTuple):
    """A finding, and the function that repairs it."""

    finding: Finding
    act: Callable[[], object]


def found(kind: Kind, what: str, why: str, outcome: Outcome, age: timedelta | None = None) -> Remedy:
    """Return a finding that needs no repair."""
    seconds = None if age is None else int(age.total_seconds())
    return Remedy(Finding(kind=kind, what=what, why=why, outcome=outcome, age_seconds=seconds), lambda: None)


def repaired(remedies: Sequence[Remedy], apply: bool) -> list[Finding]:
    """Repair what is pending, one after the other; a repair that fails is reported, and the others still run.

    Args:
        remedies: What was found.
        apply: Whether anything is changed; if not, what is pending stays pending.
    """
    return [_repaired(*remedy) if apply else remedy.finding for remedy in remedies]


def _repaired(finding: Finding, act: Callable[[], object]) -> Finding:
    if finding.outcome is not Outcome.PENDING:
        return finding
    try:
        act()
    except TransientError as error:
        return finding.model_copy(update={"outcome": Outcome.FAILED, "why": str(error)})
    except PermanentError as error:
        return finding.model_copy(update={"outcome": Outcome.NEEDS_YOU, "why": str(error)})
    return finding.model_copy(update={"outcome": Outcome.DONE})
