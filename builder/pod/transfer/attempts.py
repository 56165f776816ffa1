"""How often a request is tried, and which failures are worth another try."""

import http.client
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from builder.pod.space import is_full
from builder.pod.step import StepFailed, TryAgain, say

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, how long the pauses grow from (doubling), and how long a server may be silent."""

    attempts: int = 5
    first_pause_seconds: float = 1.0
    silence_seconds: float = 60.0


PATIENCE = Patience()


class Fault(Exception):
    """One attempt failed in a way that may pass."""


def try_again_after_faults(attempt: Callable[[], T], what: str, patience: Patience) -> T:
    """Call until it succeeds, with pauses.

    Args:
        attempt: The call.
        what: What it does, in words.
        patience: How often to try.

    Raises:
        TryAgain: Every attempt failed in a way that may pass.
        StepFailed: There is no space left.
    """
    for number in range(1, patience.attempts + 1):
        try:
            return attempt()
        except (OSError, http.client.HTTPException, Fault) as fault:
            if is_full(fault):
                raise StepFailed(f"{what}: {fault}") from fault
            reason = f"{fault}" or type(fault).__name__
            if number == patience.attempts:
                raise TryAgain(f"{what} failed {number} times, at last: {reason}") from fault
            say(f"{what}: {reason}; trying again")
            pause = patience.first_pause_seconds * 2 ** (number - 1)
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, hides nothing
    raise AssertionError("unreachable: the last attempt returns or raises")
