"""Waiting for something that can only be looked at, and trying again what may succeed in a moment."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


def poll(look: Callable[[], T | None], limit: timedelta, pause: timedelta) -> T | None:
    """Call until there is an answer, and return it; None when there is none in time.

    Args:
        look: The call; it returns None as long as there is no answer. It is called at least once.
        limit: When to give up.
        pause: The pause between two calls.
    """
    give_up = time.monotonic() + limit.total_seconds()
    while True:
        answer = look()
        if answer is not None or time.monotonic() >= give_up:
            return answer
        time.sleep(pause.total_seconds())


def attempts(pauses: Iterable[timedelta]) -> Iterator[None]:
    """Yield once, and once more after each pause."""
    yield
    for pause in pauses:
        time.sleep(pause.total_seconds())
        yield
