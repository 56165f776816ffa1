"""Which of a client's calls meet what fault: the tests' weather, for a proxy before a server and for one in memory.

faults.plan(Fault.LOST_ANSWER, when=lambda call: call.is_write)   # the first write happens, its answer is lost
faults.plan(Fault.ANSWER_503, nth=3, times=2)                     # calls 3 and 4 are not served
faults.plan(before=lambda call: os.kill(pid, SIGKILL), nth=7)     # a process is killed before call 7 arrives
...
assert [call.method for call in faults.calls] == [...]
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

WRITES = frozenset({"PUT", "POST", "DELETE"})


class Fault(StrEnum):
    """What can happen to a call."""

    ANSWER_500 = "500, nothing done"
    ANSWER_503 = "503, nothing done"
    RESET = "connection reset, nothing done"
    STALL = "no answer ever, nothing done"
    DONE_500 = "done, then answered 500"
    LOST_ANSWER = "done, then connection reset"
    DONE_STALL = "done, then no answer ever"
    CUT_BODY = "connection closed in the middle of the answer's body"
    STALLED_BODY = "no more bytes from the middle of the answer's body on"


NOT_DONE = frozenset({Fault.ANSWER_500, Fault.ANSWER_503, Fault.RESET, Fault.STALL})
BODY_FAULTS = frozenset({Fault.CUT_BODY, Fault.STALLED_BODY})


@dataclass(frozen=True)
class Call:
    """A request; numbers begin at 1."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    range: str

    @property
    def is_write(self) -> bool:
        return self.method in WRITES

    @property
    def bucket(self) -> str:
        return self.path.lstrip("/").partition("/")[0]

    @property
    def key(self) -> str:
        return self.path.lstrip("/").partition("/")[2]


Hook = Callable[[Call], None]


@dataclass
class Plan:
    """Which calls meet what, and how many of them are left."""

    fault: Fault | None
    when: Callable[[Call], bool]
    before: Hook | None
    after: Hook | None
    left: int


class Faults(ABC):
    """The calls that have come, and the plans for those that will."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._plans: list[Plan] = []
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def endpoint_url(self) -> str:
        """The address by which calls meet them."""

    def plan(
        self,
        fault: Fault | None = None,
        *,
        nth: int | None = None,
        when: Callable[[Call], bool] | None = None,
        times: int = 1,
        before: Hook | None = None,
        after: Hook | None = None,
    ) -> None:
        """Let a fault, or a hook, meet the calls from the `nth` on that fit `when`, `times` in all.

        Args:
            fault: What happens to the call; None: nothing but the hooks.
            nth: The first call's number that may be met; None: the next one.
            when: Which calls are meant; None: all.
            times: How many calls are met.
            before: Called before the request goes upstream.
            after: Called when upstream has answered, before the answer goes back.
        """
        first = nth if nth is not None else 0
        self._plans.append(
            Plan(fault, lambda call: call.number >= first and (when is None or when(call)), before, after, times)
        )

    def clear(self) -> None:
        """Forget all plans and calls; the next call is number 1."""
        with self._lock:
            self._plans.clear()
            self.calls.clear()

    @abstractmethod
    def settle(self) -> None:
        """Wait until no call is being answered: what a client sent before it was killed is carried out nevertheless."""

    def arrived(self, method: str, target: str, byte_range: str) -> tuple[Call, Plan | None]:
        """Count a call and find out what it meets."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self._lock:
            call = Call(len(self.calls) + 1, method, unquote(parts.path), query, byte_range)
            self.calls.append(call)
            for plan in self._plans:
                if plan.left > 0 and plan.when(call):
                    plan.left -= 1
                    return call, plan
        return call, None
