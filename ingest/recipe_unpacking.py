"""The program that unpacks a recipe archive, which holds exactly one description.

The rule: other names of the description, and copies of it, become links to it, so that rendering one renders all.
"""

from errors import BadInput
from ingest.description_file import descriptions
from ingest.leftovers import left_out
from ingest.limits import Limits
from ingest.names import shown
from ingest.recipe_files import opened, real_path, replace_by_link
from ingest.tree import Tree
from ingest.unpacking import unpack


def run(archive: str, folder: str, limits: Limits) -> str:
    """Unpack `archive` into `folder`, an empty folder, and say what of it was left out.

    Raises:
        BadInput: The archive is refused, or there is not exactly one description; nothing was written.
    """
    names: list[str] = []

    def find(tree: Tree) -> None:
        names[:] = refuse_without_description(tree)

    unused = unpack(archive, folder, limits, find)
    _link_together(names, folder)
    return left_out(unused)


def refuse_without_description(tree: Tree) -> list[str]:
    """Refuse a tree that does not hold exactly one description, and return its names."""
    links = tree.links()
    names = descriptions(tree.kinds, lambda path: tree.file_of(path, links))
    description = tree.file_of(names[0], links)
    if not tree.is_file(description):
        kind = tree.kinds.get(description, "link to nothing")
        raise BadInput(f"the recipe's description {shown(description)} is a {kind}", resolution="make it a file")
    return names


def _link_together(names: list[str], folder: str) -> None:
    description = real_path(names[0], folder)
    with opened(folder) as top:
        for name in names[1:]:
            if real_path(name, folder) != description:
                replace_by_link(name, description, top)
