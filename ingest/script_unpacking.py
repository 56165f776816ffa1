"""The program that unpacks an archive of a script, which holds the file to begin with."""

from collections.abc import Sequence

from errors import BadInput
from ingest.leftovers import left_out
from ingest.limits import Limits
from ingest.names import shown
from ingest.tree import Tree
from ingest.unpacking import unpack


def run(archive: str, folder: str, entries: Sequence[str], limits: Limits) -> list[str]:
    """Unpack `archive` into `folder`, an empty folder.

    Returns:
        The first of `entries` that is in it, and what of the archive was left out.

    Raises:
        BadInput: The archive is refused, or has none of `entries`; nothing was written.
    """
    found: list[str] = []

    def find(tree: Tree) -> None:
        found[:] = [entry for entry in entries if tree.is_file(entry)]
        if not found:
            raise BadInput(
                f"the archive has no file {' or '.join(map(shown, entries))} to begin with",
                resolution="name the file to begin with (--script-entry)",
            )

    unused = unpack(archive, folder, limits, find)
    return [found[0], left_out(unused)]
