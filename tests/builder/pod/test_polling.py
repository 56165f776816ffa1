"""builder/pod/polling.py: an answer is returned at once, none in time is None."""

import time

from builder.pod.polling import poll


def test_the_first_answer_is_returned_also_one_that_is_false() -> None:
    answers = [None, None, False, True]
    assert poll(lambda: answers.pop(0), 60, 0.001) is False
    assert answers == [True]


def test_without_an_answer_in_time_there_is_none() -> None:
    began = time.monotonic()
    assert poll(lambda: None, 0.05, 0.01) is None
    assert 0.05 <= time.monotonic() - began < 5


def test_it_is_looked_at_once_without_any_time() -> None:
    assert poll(lambda: "there", 0, 60) == "there"
