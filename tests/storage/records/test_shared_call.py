"""A shared call is carried out seldom, and its result is never older than the question."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.records.shared_call import SharedCall


def test_no_answer_is_older_than_its_question_and_many_share_one() -> None:
    clock, calls = itertools.count(), itertools.count()
    held = threading.Event()

    def call() -> int:
        begun = next(clock)
        next(calls)
        held.wait(0.01)
        return begun

    shared = SharedCall(call)

    def ask(_: int) -> bool:
        asked = next(clock)
        return shared() > asked

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(160)))
    assert next(calls) < 80


def test_those_that_share_a_call_share_its_error() -> None:
    entered, held = threading.Semaphore(0), threading.Event()

    def call() -> int:
        entered.release()
        assert held.wait(60)
        raise ZeroDivisionError

    shared = SharedCall(call)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(shared)
        assert entered.acquire(timeout=60)
        later = [pool.submit(shared) for _ in range(7)]
        held.set()
        for asked in (first, *later):
            with pytest.raises(ZeroDivisionError):
                asked.result(60)
    assert shared._next is None
