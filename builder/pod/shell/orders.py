"""Orders to a shell from outside, and how long it may stay open: one small document in S3, read again and again.

A pod holds no credentials. It reads the document (builder/contract/shell_orders.py) by a presigned URL.
"""

import time
from pathlib import Path

from builder.contract.shell_orders import Orders
from builder.contract.unreadable import Unreadable
from builder.pod.step import StepFailed, TryAgain, say
from builder.pod.transfer.attempts import Patience
from builder.pod.transfer.objects import read

_READ_PAUSE_SECONDS = 2.0
# The files by which its user ends the shell are not looked for until the server has answered.
_PATIENCE = Patience(attempts=1, silence_seconds=5)


class OrderInbox:
    """Reads the orders.

    Args:
        url: The document's presigned URL.
        until: When the shell ends as long as the document cannot be read.
        done: A file that keeps the id of the last order, so that none is carried out twice, also by another pod.
    """

    def __init__(self, url: str, until: float, done: Path) -> None:
        self._url = url
        self._done = done
        self._last_read = float("-inf")
        self._failure_reported = False
        self.orders = Orders(until)

    def new_order(self) -> str:
        """Return the operation of a new order, once; empty when there is none. Reads the document at intervals."""
        if time.monotonic() - self._last_read < _READ_PAUSE_SECONDS:
            return ""
        self._last_read = time.monotonic()
        try:
            self.orders = Orders.from_json(read(self._url, patience=_PATIENCE))
        except (TryAgain, StepFailed, Unreadable) as fault:
            if not self._failure_reported:
                say(f"orders cannot be read at the moment, the shell stays open: {fault}")
            self._failure_reported = True
            return ""
        self._failure_reported = False
        order = self.orders.order
        if order is None or not order.id or self._last_id() == order.id:
            return ""
        self._done.write_text(order.id)
        return order.operation

    def _last_id(self) -> str:
        return self._done.read_text() if self._done.exists() else ""
