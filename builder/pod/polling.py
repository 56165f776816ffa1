"""Waiting for something that can only be looked at."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(look: Callable[[], T | None], limit_seconds: float, pause_seconds: float) -> T | None:
    """Call until there is an answer, and return it; None when there is none in time.

    Args:
        look: The call; it returns None as long as there is no answer. It is called at least once.
        limit_seconds: When to give up.
        pause_seconds: The pause between two calls.
    """
    give_up = time.monotonic() + limit_seconds
    while True:
        answer = look()
        if answer is not None or time.monotonic() >= give_up:
            return answer
        time.sleep(pause_seconds)
