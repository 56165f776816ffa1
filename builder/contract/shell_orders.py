"""shell.json: orders to an open shell, and how long it may stay open. Times are seconds since 1970."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from builder.contract.document import OTHERS, Document


class Operation(StrEnum):
    """How a shell is ended from outside."""

    COMPLETE = "complete"
    ABORT = "abort"


@dataclass(frozen=True)
class Order:
    """An order; its pod carries out each id once. An operation that the pod does not know is not carried out."""

    id: str
    operation: str
    others: dict[str, Any] = field(default_factory=dict, metadata=OTHERS)


@dataclass(frozen=True)
class Orders(Document):
    """The document, which the pod reads every two seconds.

    Args:
        until: When the shell ends.
        awake_until: Until when it stays open although nobody uses it.
        latest: What it may be extended to.
        order: The last order.
        opened: The steps of the shells that were opened one after the other; all other fields are the last one's.
        others: What a later release has written.
    """

    title: ClassVar[str] = "shell.json"

    until: float
    awake_until: float = 0.0
    latest: float = 0.0
    order: Order | None = None
    opened: tuple[str, ...] = ()
    others: dict[str, Any] = field(default_factory=dict, metadata=OTHERS)

    @property
    def is_aborted(self) -> bool:
        """Whether its user has given it up."""
        return self.order is not None and self.order.operation == Operation.ABORT
