"""pods/polling.py: an answer is returned at once; attempts have pauses between them."""

import time
from datetime import timedelta

from pods.polling import attempts, poll

MOMENT = timedelta(milliseconds=10)


def test_the_first_answer_is_returned_also_one_that_is_false() -> None:
    answers = [None, None, False, True]
    assert poll(lambda: answers.pop(0), timedelta(minutes=1), MOMENT) is False
    assert answers == [True]


def test_without_an_answer_in_time_there_is_none() -> None:
    began = time.monotonic()
    assert poll(lambda: None, 5 * MOMENT, MOMENT) is None
    assert 0.05 <= time.monotonic() - began < 5


def test_it_is_looked_at_once_without_any_time() -> None:
    assert poll(lambda: "there", timedelta(), timedelta(minutes=1)) == "there"


def test_there_is_a_pause_before_each_attempt_but_the_first() -> None:
    began = time.monotonic()
    assert len(list(attempts([2 * MOMENT, 3 * MOMENT]))) == 3
    assert 0.05 <= time.monotonic() - began < 5
