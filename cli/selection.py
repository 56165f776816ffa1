"""Which records of a list are shown, and in which order: `--name`, `--sort` and `--limit`."""

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeVar

import typer

from cli.names import name_of

R = TypeVar("R")


class Order(StrEnum):
    """What a list can be sorted by."""

    CREATED = "created"
    NEWEST = "newest"
    NAME = "name"


NameFilter = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Only those of this name; * stands for any letters.")
]
Sort = Annotated[Order, typer.Option("--sort", help="created: the oldest first; newest; or name.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Show at most so many of them.", show_default=False)]


def selected(records: Sequence[R], name: str, order: Order, limit: int | None) -> list[R]:
    """Return the records of a name, in an order, as many as are wanted."""
    found: list[Any] = [each for each in records if not name or fnmatchcase(name_of(each), name)]
    if order is Order.NEWEST:
        found.sort(key=lambda each: each.created, reverse=True)
    elif order is Order.NAME:
        found.sort(key=lambda each: (name_of(each).casefold(), name_of(each)))
    return found[:limit]
