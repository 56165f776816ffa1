"""What a check has found, before it has a weight."""

from collections.abc import Sequence
from typing import NamedTuple

_MOST_SHOWN = 5


class Found(NamedTuple):
    """A finding: its kind (builder/contract/inspection.py), what it is in one line, and what to do about it."""

    name: str
    what: str
    advice: str


def listed(paths: Sequence[str]) -> str:
    """Return a list of paths as a message shows it."""
    more = len(paths) - _MOST_SHOWN
    return ", ".join(paths[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
