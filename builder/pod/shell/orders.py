"""Orders to a shell from outside, and how long it may stay open: one small document in S3, looked at again and again.

A pod holds no credentials, but a presigned address, on any runtime. The document (storage/records/shell_orders.py):
`{"until": seconds since 1970, "awake_until": likewise, "order": {"id": …, "operation": "complete" | "abort"}}`.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from builder.pod.step import StepFailed, TryAgain, say
from builder.pod.transfer import Patience, read

_LOOK_SECONDS = 2.0
# Whoever waits for the answer does not notice the signals of the user meanwhile.
_PATIENCE = Patience(attempts=1, silence_seconds=5)


@dataclass(frozen=True)
class Orders:
    """What the document says.

    Args:
        until: When the shell ends, seconds since 1970.
        awake_until: Until when it stays open although nobody uses it.
        id: Of the last order; empty when there is none.
        operation: complete or abort.
    """

    until: float
    awake_until: float = 0
    id: str = ""
    operation: str = ""


class Desk:
    """Where orders come in.

    Args:
        url: The document's presigned address.
        until: When the shell ends as long as the document cannot be read.
        done: A file that keeps the id of the last order, so that none is carried out twice, by another pod say.
    """

    def __init__(self, url: str, until: float, done: Path) -> None:
        self._url = url
        self._done = done
        self._looked = float("-inf")
        self._complained = False
        self.orders = Orders(until)

    def look(self) -> str:
        """Return a new order, complete or abort, once; or nothing."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return ""
        self._looked = time.monotonic()
        try:
            self.orders = _parse(read(self._url, patience=_PATIENCE))
        except (TryAgain, StepFailed, ValueError, KeyError, TypeError) as fault:
            if not self._complained:
                say(f"orders cannot be read at the moment, the shell stays open: {fault}")
            self._complained = True
            return ""
        self._complained = False
        if not self.orders.id or self._last() == self.orders.id:
            return ""
        self._done.write_text(self.orders.id)
        return self.orders.operation

    def _last(self) -> str:
        return self._done.read_text() if self._done.exists() else ""


def _parse(document: bytes) -> Orders:
    said = json.loads(document)
    order = said.get("order") or {}
    return Orders(
        float(said["until"]), float(said.get("awake_until") or 0), order.get("id", ""), order.get("operation", "")
    )
