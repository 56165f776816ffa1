"""Pauses between tries: exponential and jittered, so that two writers that clashed once do not clash again."""

import random
import time
from collections.abc import Iterator

# Between tries of a call that a server did not serve.
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def pauses(first: float = FIRST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS) -> Iterator[float]:
    """Yield pauses without end: each random between nothing and a bound that doubles up to `longest`.

    Args:
        first: The first bound, seconds.
        longest: The bound that is never passed, seconds.
    """
    bound = first
    while True:
        yield random.uniform(0, bound)  # noqa: S311 - spreads load, guards nothing
        bound = min(bound * 2, longest)


def tries(most: int) -> Iterator[int]:
    """Yield the number of each try, from 1 to `most`, and pause before each but the first."""
    waits = pauses()
    for number in range(1, most + 1):
        if number > 1:
            time.sleep(next(waits))
        yield number
