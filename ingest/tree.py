"""The tree that an archive unpacks to, computed and checked before anything is written.

The rule: every path is made once, and its parents are folders, so that nothing is written through a link.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from errors import BadInput
from ingest.description_file import is_description
from ingest.leftovers import is_leftover
from ingest.limits import Limits
from ingest.links import check_links, leads_to
from ingest.names import shown, tree_path
from ingest.tar_entry import Entry, Kind

_NEW_FOLDER_MODE = 0o755


@dataclass
class Tree:
    """The paths of the future folder and their kinds, including folders that have no entry of their own."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """The files that hard links are names of, by the paths of the hard links."""
    copies: dict[str, str] = field(default_factory=dict)
    """The first files of the same bytes, by the paths of files whose names are those of descriptions."""
    left_out: list[str] = field(default_factory=list)
    """The entries of other systems, as the archive spells them."""

    def folders(self) -> list[tuple[str, int]]:
        """Return the folders and their modes, a folder before its content."""
        paths = sorted(path for path, kind in self.kinds.items() if kind is Kind.FOLDER)
        return [(path, self.entries[path].mode if path in self.entries else _NEW_FOLDER_MODE) for path in paths]

    def is_file(self, path: str) -> bool:
        """Return whether there is a file or a hard link at a path."""
        return self.kinds.get(path) is Kind.FILE or path in self.sources

    def file_of(self, path: str, links: Mapping[str, str]) -> str:
        """Return the file that a path is a name of; copies of a description are one file.

        Args:
            path: The path.
            links: As `links` returns them.

        Raises:
            BadInput: It leads out of the tree or in circles.
        """
        real = leads_to(path, links)
        real = self.sources.get(real, real)
        return self.copies.get(real, real)

    def times(self) -> dict[str, int]:
        """Return the times of folders and symbolic links that have an entry of their own, by their paths."""
        return {path: each.mtime for path, each in self.entries.items() if each.kind in {Kind.FOLDER, Kind.LINK}}

    def links(self) -> dict[str, str]:
        """Return the symbolic links' targets by their paths."""
        return {path: entry.target for path, entry in self.entries.items() if entry.kind is Kind.LINK}


def planned(
    entries: Iterable[Entry],
    limits: Limits,
    check: Callable[[Tree], object],
    digest: Callable[[], str] = lambda: "",
) -> tuple[Tree, str]:
    """Compute the tree that the archive unpacks to.

    Args:
        entries: The archive's.
        digest: Returns a digest of the content of the entry that came last; `""` if it is not known.
        limits: The limits on them.
        check: Refuses a tree that lacks what the caller needs.

    Returns:
        The tree, and the archive's folder that holds it: `""`, or the name of the only entry at the archive's top, if
        that is a folder and holds what the caller needs.

    Raises:
        BadInput: An entry or the tree is refused.
    """
    whole = Tree()
    first: dict[str, str] = {}
    for entry in entries:
        if is_leftover(entry.name):
            whole.left_out.append(entry.name)
            continue
        _add(whole, entry, limits)
        if entry.kind is Kind.FILE and is_description(entry.name.rpartition("/")[2]):
            path = tree_path(entry.name)
            whole.copies[path] = first.setdefault(digest() or path, path)
    wrapper = _wrapper(whole)
    if wrapper and not _passes(whole, check):
        tree = _inside(whole, wrapper)
    else:
        tree, wrapper = whole, ""
    check_links(tree.links())
    check(tree)
    return tree, wrapper


def _passes(tree: Tree, check: Callable[[Tree], object]) -> bool:
    try:
        check(tree)
    except BadInput:
        return False
    return True


def _add(tree: Tree, entry: Entry, limits: Limits) -> None:
    path = tree_path(entry.name)
    entry = _symbolic(tree, entry)
    if not path:
        if entry.kind is not Kind.FOLDER:
            raise _refused(entry, "has no name", "pack the recipe again with GNU tar")
        return
    _add_parents(tree, path, entry)
    there = tree.kinds.setdefault(path, entry.kind)
    if there is not entry.kind:
        raise _refused(entry, f"is a {entry.kind}, and before that a {there}", "keep one of them")
    if path in tree.entries and entry.kind is not Kind.FOLDER:
        raise _refused(entry, "occurs twice", "keep one of them")
    _check_mode(entry)
    if entry.kind is Kind.HARD_LINK:
        tree.sources[path] = _source(tree, entry)
    tree.entries[path] = entry
    if len(tree.kinds) > limits.entries:
        raise BadInput(
            f"the archive unpacks to more than {limits.entries} files, folders and links,"
            f" reached with entry {shown(entry.name)}",
            resolution="make it smaller, or raise IMS_RECIPE_ENTRIES",
        )


def _add_parents(tree: Tree, path: str, entry: Entry) -> None:
    parent = path.rpartition("/")[0]
    while parent:
        kind = tree.kinds.setdefault(parent, Kind.FOLDER)
        if kind is not Kind.FOLDER:
            raise _refused(entry, f"would be written through the {kind} {shown(parent)}", "remove one of them")
        if parent in tree.entries:
            return
        parent = parent.rpartition("/")[0]


def _check_mode(entry: Entry) -> None:
    if entry.kind is Kind.FILE and not entry.mode & 0o400:
        raise _refused(entry, f"has mode {entry.mode:04o}: its owner may not read it", "chmod u+r it")
    if entry.kind is Kind.FOLDER and entry.mode & 0o500 != 0o500:
        raise _refused(entry, f"has mode {entry.mode:04o}: its owner may not enter it", "chmod u+rx it")


def _symbolic(tree: Tree, entry: Entry) -> Entry:
    """Return a hard link to a symbolic link as one more symbolic link; it is checked as that."""
    if entry.kind is not Kind.HARD_LINK:
        return entry
    parts = [part for part in entry.target.split("/") if part not in {"", "."}]
    there = tree.entries.get("/".join(parts))
    if entry.target.startswith("/") or there is None or there.kind is not Kind.LINK:
        return entry
    return replace(entry, kind=Kind.LINK, target=there.target)


def _source(tree: Tree, entry: Entry) -> str:
    if entry.target.startswith("/") or ".." in entry.target.split("/"):
        raise _refused(entry, f"is a hard link that leads out of the archive, to {shown(entry.target)}", "remove it")
    path = tree_path(entry.target)
    path = tree.sources.get(path, path)
    if path not in tree.entries or tree.kinds[path] is not Kind.FILE:
        raise _refused(
            entry,
            f"is a hard link to {shown(entry.target)}, which is not an earlier file",
            "pack it again with GNU tar",
        )
    return path


def _wrapper(tree: Tree) -> str:
    """Return the only entry at the top if it is a folder, else `""`."""
    tops = [path for path in tree.kinds if "/" not in path]
    return tops[0] if len(tops) == 1 and tree.kinds[tops[0]] is Kind.FOLDER else ""


def _inside(whole: Tree, wrapper: str) -> Tree:
    prefix = f"{wrapper}/"
    return Tree(
        kinds={path.removeprefix(prefix): kind for path, kind in whole.kinds.items() if path != wrapper},
        entries={path.removeprefix(prefix): entry for path, entry in whole.entries.items() if path != wrapper},
        sources={path.removeprefix(prefix): to.removeprefix(prefix) for path, to in whole.sources.items()},
        copies={path.removeprefix(prefix): to.removeprefix(prefix) for path, to in whole.copies.items()},
        left_out=whole.left_out,
    )


def _refused(entry: Entry, why: str, resolution: str) -> BadInput:
    return BadInput(f"archive entry {shown(entry.name)} {why}", resolution=resolution)
