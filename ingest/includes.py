"""Puts the files that a description includes in the place of its `<include>`s, as kiwi's stylesheet does.

The rule: kiwi gets one document, so that it reads no file that was not checked here.
"""

from collections.abc import Callable

from ingest.description_xml import Document, Element, parse, refused
from ingest.recipe_files import inner_path

_THIS = "this://"


def included(document: Document, read: Callable[[str, str], bytes]) -> dict[Element, Document]:
    """Parse the files that `<include from="this://…"/>` names.

    Args:
        document: The description.
        read: Reads a file of the recipe; its second argument says where it is named.

    Raises:
        BadInput: An include does not name a file of the recipe, or the file is refused.
    """
    found = {}
    for element in document.root.iter("include"):
        source = element.get("from", "")
        if not source.startswith(_THIS) or not source.endswith((".xml", ".kiwi")):
            raise refused(
                document,
                element,
                f"the include of {source!r} is not allowed",
                f"include files of the recipe only: {_THIS}NAME.xml",
            )
        if element.getparent() is not document.root:
            raise refused(document, element, "the include is not in <image> itself", "move it there")
        place = document.place(element)
        path = inner_path(source.removeprefix(_THIS), place)
        inner = parse(read(path, place), path)
        for nested in inner.root.iter("include"):
            # kiwi copies included content as it is (kiwi/xsl/include.xsl): an include in it would be lost.
            raise refused(inner, nested, "an included file includes another", "include it in the description itself")
        found[element] = inner
    return found


def resolve(document: Document, inner: dict[Element, Document]) -> None:
    """Replace the includes by the elements of their files, which remember where they come from."""
    for element, source in inner.items():
        for child in source.root.iterchildren("*"):
            element.addprevious(child)
            document.included[child] = source.file
        document.root.remove(element)
