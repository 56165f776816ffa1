"""ingest/tree.py: the tree that an archive unpacks to, checked before anything is written."""

import pytest

from errors import BadInput
from ingest.limits import Limits
from ingest.tar_entry import Entry, Kind
from ingest.tree import Tree, planned

LIMITS = Limits(bytes=1 << 20, entries=5, memory_bytes=1 << 20, seconds=1)


def file(name: str, mode: int = 0o644) -> Entry:
    return Entry(name, Kind.FILE, mode, 0, "", 0)


def folder(name: str, mode: int = 0o755) -> Entry:
    return Entry(name, Kind.FOLDER, mode, 0, "", 0)


def link(name: str, target: str) -> Entry:
    return Entry(name, Kind.LINK, 0o777, 0, target, 0)


def hard_link(name: str, target: str) -> Entry:
    return Entry(name, Kind.HARD_LINK, 0o644, 0, target, 0)


def tree(*entries: Entry) -> Tree:
    return planned(entries, LIMITS, is_any)[0]


def is_any(_tree: Tree) -> None:
    """The caller needs nothing."""


def has_a(tree: Tree) -> None:
    """The caller needs a file `a`."""
    if not tree.is_file("a"):
        raise BadInput("there is no a")


def test_folders_without_an_entry_are_made_a_folder_before_its_content() -> None:
    made = tree(file("b/c/d"), folder("a", 0o700), file("x"))
    assert made.folders() == [("a", 0o700), ("b", 0o755), ("b/c", 0o755)]


def test_a_folder_may_occur_again_and_the_last_mode_counts() -> None:
    assert tree(file("a/b"), folder("a"), folder("./a/", 0o700), file("x")).folders() == [("a", 0o700)]


def test_the_top_itself_is_no_entry() -> None:
    assert tree(folder("."), folder("./"), file("a")).kinds == {"a": Kind.FILE}


def test_links_and_files_are_told_apart() -> None:
    made = tree(file("a"), hard_link("b", "./a"), link("c", "a"), folder("d"))
    assert {path: made.is_file(path) for path in (*made.kinds, "e")} == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
        "e": False,
    }
    assert made.links() == {"c": "a"}


def test_a_hard_link_to_a_hard_link_is_one_to_the_file() -> None:
    assert tree(file("a"), hard_link("b", "a"), hard_link("c", "b")).sources == {"b": "a", "c": "a"}


def test_the_only_folder_at_the_top_is_left_out_if_it_holds_what_is_needed() -> None:
    made, wrapper = planned([file("w/a"), hard_link("w/b", "w/a"), link("w/c/d", "../a")], LIMITS, has_a)
    assert wrapper == "w"
    assert made.kinds == {"a": Kind.FILE, "b": Kind.HARD_LINK, "c": Kind.FOLDER, "c/d": Kind.LINK}
    assert made.sources == {"b": "a"}


LEFTOVERS = ["._w", ".DS_Store", "w/._a", "w/.ds_store", "__MACOSX", "__MACOSX/w/x", "Thumbs.db", "../._x", "Icon\r"]


@pytest.mark.parametrize("name", LEFTOVERS)
def test_files_of_other_systems_are_left_out_and_named(name: str) -> None:
    made, wrapper = planned([file(name), file("w/a"), folder("w/root")], LIMITS, has_a)
    assert (wrapper, made.kinds, made.left_out) == ("w", {"a": Kind.FILE, "root": Kind.FOLDER}, [name])


def test_a_hard_link_to_a_symbolic_link_is_one_more_of_them() -> None:
    assert tree(link("x/b", "../c"), hard_link("x/a", "./x/b"), file("c")).links() == {"x/b": "../c", "x/a": "../c"}
    with pytest.raises(BadInput, match=r"'a', a symbolic link to '\.\./c', leads out"):
        tree(link("x/b", "../c"), hard_link("a", "x/b"), file("c"))


@pytest.mark.parametrize("entries", [[file("a")], [folder("w"), file("a")], [link("w", "a")], []])
def test_anything_else_at_the_top_stays(entries: list[Entry]) -> None:
    made, wrapper = planned(entries, LIMITS, is_any)
    assert (wrapper, list(made.kinds)) == ("", [entry.name for entry in entries])


def test_links_are_checked_without_the_folder_that_is_left_out() -> None:
    with pytest.raises(BadInput, match="leads out of the archive"):
        planned([link("w/x", "../b"), file("w/a")], LIMITS, has_a)
    with pytest.raises(BadInput, match="leads out of the image"):
        planned([link("w/root/x", "../b"), file("w/a")], LIMITS, has_a)


REFUSED: dict[str, tuple[list[Entry], str]] = {
    "a name that is not allowed": ([file("../a")], "leads out"),
    "a file without a name": ([file("./")], "has no name"),
    "a file twice": ([file("a"), file("./a")], "occurs twice"),
    "a link twice": ([link("a", "b"), link("a", "c")], "occurs twice"),
    "a folder that was a file": ([file("a"), folder("a")], "is a folder, and before that a file"),
    "a file that was a folder": ([file("a/b"), file("a")], "is a file, and before that a folder"),
    "through a link": ([link("a", "b"), file("a/c")], "written through the symbolic link 'a'"),
    "through a file": ([file("a"), file("a/b/c")], "written through the file 'a'"),
    "through a hard link": ([file("x"), hard_link("a", "x"), file("a/b")], "written through the hard link 'a'"),
    "a hard link out": ([hard_link("a", "../b")], "a hard link that leads out"),
    "an absolute hard link": ([hard_link("a", "/b")], "a hard link that leads out"),
    "a hard link to a later file": ([hard_link("a", "b"), file("b")], "not an earlier file"),
    "a hard link to a folder": ([folder("b"), hard_link("a", "b")], "not an earlier file"),
    "a hard link to itself": ([hard_link("a", "a")], "not an earlier file"),
    "a file that its owner may not read": ([file("a", 0o200)], "has mode 0200"),
    "a folder that its owner may not enter": ([folder("a", 0o400)], "has mode 0400"),
    "too many entries": ([file(str(number)) for number in range(6)], "more than 5 files, folders and links"),
    "too many folders without entries": ([file("a/b/c/d/e/f")], "more than 5 files, folders and links"),
}


@pytest.mark.parametrize(("entries", "why"), REFUSED.values(), ids=REFUSED)
def test_what_would_not_unpack_as_it_was_packed_is_refused(entries: list[Entry], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        tree(*entries)


def test_as_many_entries_as_the_limit_are_allowed() -> None:
    assert len(tree(*(file(str(number)) for number in range(5))).kinds) == 5
