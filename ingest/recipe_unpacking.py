"""The program that unpacks a recipe archive, which holds exactly one description."""

from errors import BadInput
from ingest.description_file import descriptions
from ingest.limits import Limits
from ingest.links import leads_to
from ingest.names import shown
from ingest.tree import Tree
from ingest.unpacking import unpack


def run(archive: str, folder: str, limits: Limits) -> None:
    """Unpack `archive` into `folder`, an empty folder.

    Raises:
        BadInput: The archive is refused, or there is not exactly one description; nothing was written.
    """
    unpack(archive, folder, limits, _refuse_without_description)


def _refuse_without_description(tree: Tree) -> None:
    links = tree.links()

    def file_of(path: str) -> str:
        real = leads_to(path, links)
        return tree.sources.get(real, real)

    description = file_of(descriptions(tree.kinds, file_of)[0])
    if not tree.is_file(description):
        kind = tree.kinds.get(description, "link to nothing")
        raise BadInput(f"the recipe's description {shown(description)} is a {kind}", resolution="make it a file")
