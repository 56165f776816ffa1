"""The program that unpacks a recipe archive, which holds exactly one description."""

from errors import BadInput
from ingest.description_file import descriptions
from ingest.leftovers import left_out
from ingest.limits import Limits
from ingest.links import leads_to
from ingest.names import shown
from ingest.tree import Tree
from ingest.unpacking import unpack


def run(archive: str, folder: str, limits: Limits) -> str:
    """Unpack `archive` into `folder`, an empty folder, and say what of it was left out.

    Raises:
        BadInput: The archive is refused, or there is not exactly one description; nothing was written.
    """
    return left_out(unpack(archive, folder, limits, refuse_without_description))


def refuse_without_description(tree: Tree) -> None:
    """Refuse a tree that does not hold exactly one description."""
    links = tree.links()

    def file_of(path: str) -> str:
        real = leads_to(path, links)
        return tree.sources.get(real, real)

    description = file_of(descriptions(tree.kinds, file_of)[0])
    if not tree.is_file(description):
        kind = tree.kinds.get(description, "link to nothing")
        raise BadInput(f"the recipe's description {shown(description)} is a {kind}", resolution="make it a file")
