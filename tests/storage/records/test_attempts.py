"""storage/records/attempts.py: when a change to a record is tried again, and what may not be guessed."""

from datetime import timedelta

import pytest

from errors import Unreachable
from storage.records.attempts import Attempts
from storage.s3.errors import ConditionFailed

LOST = ConditionFailed("written in between")
UNCLEAR = Unreachable("no answer")
PATIENT = timedelta(minutes=1)
URI = "s3://ims/records/images/0.json"


def failed(error: ConditionFailed | Unreachable, *writers: str) -> Attempts:
    attempts = Attempts(PATIENT)
    attempts.failed(URI, error, list(writers))
    return attempts


def test_tries_are_counted_while_patience_lasts() -> None:
    attempts = Attempts(PATIENT)
    for _ in range(3):
        attempts.failed(URI, LOST, [])
    assert attempts.tried == 3


@pytest.mark.parametrize("error", [LOST, UNCLEAR], ids=["lost", "unclear"])
def test_the_end_of_patience_says_how_often_it_was_tried_and_why(error: ConditionFailed | Unreachable) -> None:
    with pytest.raises(Unreachable, match=f"{URI}: not changed after 1 tries in 0 s: {error}") as caught:
        Attempts(timedelta(0)).failed(URI, error, [])
    assert caught.value.__cause__ is error


KNOWN = {
    "the try was refused for certain": (failed(LOST, "a"), ["x", "y"]),
    "its newest writer is still known": (failed(UNCLEAR, "a", "b"), ["x", "a"]),
    "there was no writer before": (failed(UNCLEAR), ["x", "y"]),
    "there is no writer now": (failed(UNCLEAR, "a"), []),
    "nothing was tried": (Attempts(PATIENT), ["x"]),
}


@pytest.mark.parametrize(("attempts", "writers"), KNOWN.values(), ids=KNOWN)
def test_a_try_that_was_certainly_not_written_may_be_repeated(attempts: Attempts, writers: list[str]) -> None:
    attempts.check_history(URI, writers)


def test_a_try_that_may_have_been_written_is_not_repeated() -> None:
    attempts = failed(UNCLEAR, "a", "b")
    with pytest.raises(Unreachable, match="cannot tell whether our change went through"):
        attempts.check_history(URI, ["x", "b"])


def test_a_later_try_that_was_refused_for_certain_makes_it_clear() -> None:
    attempts = failed(UNCLEAR, "a")
    attempts.failed(URI, LOST, ["a"])
    attempts.check_history(URI, ["x"])
