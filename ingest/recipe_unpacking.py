"""The program that unpacks a recipe archive, which holds exactly one description."""

from errors import BadInput
from ingest.description_file import sole_description
from ingest.limits import Limits
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
    description = sole_description(tree.kinds)
    if not tree.is_file(description):
        raise BadInput(
            f"the recipe's description {shown(description)} is a {tree.kinds[description]}", resolution="make it a file"
        )
