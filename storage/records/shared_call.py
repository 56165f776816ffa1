"""A call that many make at the same time is carried out once for them all; no answer is older than its question.

Those that ask while it is carried out wait for the next one, which begins after all of them have asked.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedCall(Generic[T]):
    """Shares a call among threads.

    Args:
        call: The call. What it raises, all raise that share it.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._next: Future[T] | None = None

    def __call__(self) -> T:
        """Return the result of a call that begins now or later."""
        with self._lock:
            is_first = self._next is None
            shared = self._next = self._next or Future()
        if is_first:
            with self._turn:
                with self._lock:
                    self._next = None
                self._carry_out(shared)
        return shared.result()

    def _carry_out(self, shared: "Future[T]") -> None:
        try:
            shared.set_result(self._call())
        except BaseException as error:
            shared.set_exception(error)
            raise
