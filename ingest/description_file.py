"""Finds the description of a recipe: exactly one file, which may have several names.

The rule: kiwi, which looks in three places, builds from the file that was checked here.
"""

from collections.abc import Callable, Iterable

from errors import BadInput

# Where kiwi 9.24 looks (kiwi/tasks/base.py): config.xml, then image/config.xml, then the first *.kiwi.
FIRST = "config.xml"
_SECOND = "image/config.xml"
_MOST_LISTED = 10


def is_description(path: str) -> bool:
    """Return whether kiwi would use the file at this path, relative to the recipe's folder, as a description."""
    return path in {FIRST, _SECOND} or ("/" not in path and path.endswith(".kiwi") and not path.startswith("."))


def descriptions(paths: Iterable[str], leads_to: Callable[[str], str] = str) -> list[str]:
    """Return the names of the one description among the paths of a recipe, the one that kiwi would use first.

    Args:
        paths: The recipe's.
        leads_to: Returns the path of the file that a path is a name of, with links followed.

    Raises:
        BadInput: There is none at the top, or several that differ.
    """
    found = sorted(filter(is_description, paths), key=lambda path: (path != FIRST, path != _SECOND, path))
    if not found:
        raise BadInput(
            "the recipe holds no description: no config.xml or *.kiwi at its top",
            resolution="pack the folder that holds config.xml: tar -C RECIPE -czf recipe.tgz .",
        )
    if len({leads_to(path) for path in found}) > 1:
        listed = ", ".join(sorted(found)[:_MOST_LISTED]) + (", …" if len(found) > _MOST_LISTED else "")
        raise BadInput(f"the recipe holds several descriptions: {listed}", resolution="keep one of them")
    if found == [_SECOND]:
        raise BadInput(f"the recipe's description is {_SECOND}", resolution="move it to the top of the recipe")
    return found
