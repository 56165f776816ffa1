"""storage/reconcile/findings.py: what becomes of a finding when its repair is tried."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from errors import BadInput, Conflict, Unreachable
from storage.reconcile.findings import Finding, Kind, Outcome, Remedy, found, repaired


def remedy(act: Callable[[], object], outcome: Outcome = Outcome.PENDING) -> Remedy:
    return Remedy(Finding(kind=Kind.OBJECT, what="s3://b/k", why="nothing refers to it", outcome=outcome), act)


def fails(error: Exception) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


ENDS = {
    "done": (lambda: None, Outcome.DONE, "nothing refers to it"),
    "may be tried again": (fails(Unreachable("no answer")), Outcome.FAILED, "no answer"),
    "refused": (fails(BadInput("bad", resolution="mend it")), Outcome.NEEDS_YOU, "bad; mend it"),
}


@pytest.mark.parametrize(("act", "outcome", "why"), ENDS.values(), ids=ENDS)
def test_the_outcome_says_how_the_repair_ended(act: Callable[[], object], outcome: Outcome, why: str) -> None:
    (finding,) = repaired([remedy(act)], apply=True)
    assert (finding.outcome, finding.why) == (outcome, why)


def test_a_repair_that_fails_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    findings = repaired(
        [remedy(fails(Unreachable("a"))), remedy(fails(Conflict("b"))), remedy(lambda: print("third"))], apply=True
    )
    assert [finding.outcome for finding in findings] == [Outcome.FAILED, Outcome.NEEDS_YOU, Outcome.DONE]
    assert capsys.readouterr().out == "third\n"


def test_an_error_of_the_program_itself_is_not_reported_as_a_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        repaired([remedy(fails(ZeroDivisionError()))], apply=True)


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PENDING])
def test_only_what_is_pending_is_repaired(outcome: Outcome) -> None:
    untouched = remedy(fails(AssertionError("was repaired")), outcome)
    assert repaired([untouched], apply=True) == [untouched.finding]


def test_without_apply_nothing_is_repaired() -> None:
    untouched = remedy(fails(AssertionError("was repaired")))
    assert repaired([untouched], apply=False) == [untouched.finding]


@pytest.mark.parametrize("outcome", Outcome)
def test_what_failed_or_needs_a_user_is_unsettled(outcome: Outcome) -> None:
    is_unsettled = remedy(lambda: None, outcome).finding.is_unsettled
    assert is_unsettled == (outcome in {Outcome.FAILED, Outcome.NEEDS_YOU})


def test_an_age_is_told_in_whole_seconds_and_may_be_unknown() -> None:
    aged, _ = found(Kind.JOB, "id", "lost", Outcome.YOUNG, timedelta(seconds=90.7))
    assert (aged.age_seconds, aged.age) == (90, timedelta(seconds=90))
    unknown, _ = found(Kind.JOB, "id", "lost", Outcome.YOUNG)
    assert (unknown.age_seconds, unknown.age) == (None, timedelta(0))
