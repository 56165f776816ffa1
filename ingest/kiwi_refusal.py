"""Why a description does not fit kiwi's schema, in words, and which of its elements is wrong.

kiwi validates what its stylesheets have made of the description, so the lines of its errors are those of another file.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from lxml import etree

from ingest.description_xml import Element

_RELAXNG = "{http://relaxng.org/ns/structure/1.0}"
# In this order: what says where and what, before what says that something around it is wrong, too.
_TELLING = ("extra content", "Invalid attribute", "Expecting", "failed to validate", "")


def refusal(description: str, schema: str, converted: str, log: Iterable[Any]) -> dict[str, Any]:
    """Return what is wrong, as `KiwiRefusal` has it.

    Args:
        description: The normalised description.
        schema: kiwi's RelaxNG schema.
        converted: What kiwi's stylesheets have made of the description.
        log: The errors of its validation.
    """
    ours, theirs = (list(etree.parse(file).getroot().iter("*")) for file in (description, converted))
    found = _unknown(theirs, schema) or _first_error(theirs, log)
    why, number = found
    return {"why": why, "element": None if number is None else _same(theirs, ours, number)}


def _unknown(elements: Sequence[Element], schema: str) -> tuple[str, int | None] | None:
    """Find a name that the schema has nowhere: libxml2 says of such an element only that another is missing."""
    names = etree.parse(schema)
    tags, attributes = (
        {each.get("name") for each in names.iter(f"{_RELAXNG}{kind}")} for kind in ("element", "attribute")
    )
    # <extension> takes elements of other schemas.
    if any(element.tag == "extension" for element in elements):
        return None
    for number, element in enumerate(elements):
        tag, named = _look(element)
        if tag not in tags:
            return f"there is no element <{tag}>", number
        if unknown := [name for name, _ in named if name not in attributes]:
            return f"there is no attribute {unknown[0]}", number
    return None


def _first_error(elements: Sequence[Element], log: Iterable[Any]) -> tuple[str, int | None]:
    errors = [(entry.line, entry.message) for entry in log]
    line, message = next(
        (each for words in _TELLING for each in errors if each[0] and words in each[1]),
        (0, "it does not fit the schema"),
    )
    at = [number for number, each in enumerate(elements) if each.sourceline == line]
    named = [number for number in at if elements[number].tag in message.replace(":", " ").split()]
    return message, next(iter(named or at), None)


def _same(theirs: Sequence[Element], ours: Sequence[Element], number: int) -> int | None:
    """Return the number of the element that looks the same, when it is known which one it is."""
    there = [place for place, each in enumerate(theirs) if _look(each) == _look(theirs[number])]
    here = [place for place, each in enumerate(ours) if _look(each) == _look(theirs[number])]
    return here[there.index(number)] if len(here) == len(there) else None


def _look(element: Element) -> tuple[str, list[tuple[str, str]]]:
    return str(element.tag), sorted((str(name), str(value)) for name, value in element.attrib.items())
