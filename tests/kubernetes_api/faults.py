"""What can happen to a call of a fake cluster, and which calls it meets."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What happens to a call."""

    ANSWER_403 = "403, nothing done"
    ANSWER_422 = "422, nothing done"
    ANSWER_429 = "429 with Retry-After, nothing done"
    ANSWER_503 = "503, nothing done"
    RESET = "connection closed, nothing done"
    STALL = "no answer for a minute, nothing done"
    LOST_ANSWER = "done, then connection closed"
    CUT = "a stream's connection closed after some bytes"
    ENDED_EARLY = "a stream ended in order after some bytes"
    EXPIRED = "a watch answered by 410"
    SLOW = "a watch that says nothing but bookmarks"


@dataclass(frozen=True)
class Call:
    """A request that reached the server; numbers begin at 1. Verb and resource are those of RBAC."""

    number: int
    verb: str
    resource: str
    name: str
    query: dict[str, str]


@dataclass
class Plan:
    """Which calls meet a fault, and how many of them are left."""

    fault: Fault
    when: Callable[[Call], bool]
    after_bytes: int
    left: int


class Faults:
    """The weather of one fake cluster."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []
        self._lock = threading.Lock()
        self._away_until = 0.0

    def plan(
        self, fault: Fault, *, when: Callable[[Call], bool] | None = None, times: int = 1, after_bytes: int = 0
    ) -> None:
        """Let a fault meet the calls that fit `when`, `times` in all.

        Args:
            fault: What happens.
            when: Whom it meets; everybody when it is left out.
            times: How often.
            after_bytes: Where a stream is cut.
        """
        with self._lock:
            self._plans.append(Plan(fault, when or (lambda call: True), after_bytes, times))

    def away(self, seconds: float) -> None:
        """Answer no call for so long."""
        self._away_until = time.monotonic() + seconds

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def meets(self, call: Call) -> Plan | None:
        """Take the first plan that fits a call."""
        with self._lock:
            for plan in self._plans:
                if plan.left and plan.when(call):
                    plan.left -= 1
                    return plan
        return None
