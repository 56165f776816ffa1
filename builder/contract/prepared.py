"""prepared.json: the image root of a workspace is ready, and what it was made of."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from builder.contract.document import OTHERS, Document


def _now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True)
class Prepared(Document):
    """A root that is ready.

    Args:
        made_of: What it was made of, digests and sizes by name. These fields stand beside `finished`.
        finished: When it was ready.
    """

    title: ClassVar[str] = "prepared.json"

    made_of: dict[str, str] = field(default_factory=dict, metadata=OTHERS)
    finished: str = field(default_factory=_now)
