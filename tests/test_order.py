"""The files that are to begin first."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.order import LONGEST_FIRST, longest_first
from tests.repository import REPOSITORY


def test_every_file_that_begins_first_is_there() -> None:
    assert [file for file in LONGEST_FIRST if not (REPOSITORY / file).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)


def test_what_takes_longest_begins_first_and_all_else_stays_in_its_order() -> None:
    files = ["tests/b.py", LONGEST_FIRST[1], "tests/a.py", LONGEST_FIRST[0], LONGEST_FIRST[1]]
    items: Any = [SimpleNamespace(path=Path(REPOSITORY / file), number=number) for number, file in enumerate(files)]
    longest_first(items)
    assert [item.number for item in items] == [3, 1, 4, 0, 2]
