"""ingest/leftovers.py: files of other systems are known by their names, and said."""

import pytest

from ingest.leftovers import is_leftover, left_out

LEFTOVERS = ["._a", "a/._b", "._a/b", ".DS_Store", "a/.ds_store", "__MACOSX/a", "Thumbs.db", "x/desktop.ini", "Icon\r"]
LEFTOVERS += [".Trashes/501", ".fseventsd/a", ".Spotlight-V100", "$RECYCLE.BIN/a", "System Volume Information/b"]
KEPT = [
    "",
    "a",
    ".a",
    "..a",
    "a._b",
    "DS_Store",
    ".DS_Store.sh",
    "MACOSX",
    "my-thumbs.db",
    "Icon",
    "_",
    "._".replace(".", ""),
]


@pytest.mark.parametrize("path", LEFTOVERS)
def test_files_of_other_systems_are_known_wherever_they_are(path: str) -> None:
    assert is_leftover(path)


@pytest.mark.parametrize("path", KEPT)
def test_all_else_is_kept(path: str) -> None:
    assert not is_leftover(path)


def test_what_was_left_out_is_said_in_one_line() -> None:
    assert left_out([]) == ""
    assert left_out(["._a", "Icon\r"]) == r"left out files of other systems (2): '._a', 'Icon\r'"
    assert left_out([f"._{number}" for number in range(9)]).endswith("(9): '._0', '._1', '._2', '._3', '._4', …")
