"""How much a description may hold: far more than any real one, so that no check of it takes long."""

from ingest.description_xml import Document, refused

MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 100
# The largest public descriptions have 1,500 packages and 30 repositories.
MOST = {"package": 10_000, "repository": 200, "profile": 200, "include": 100, "user": 1_000}


def check_counts(document: Document) -> None:
    """Count elements and attributes.

    Raises:
        BadInput: There are more than a description may hold.
    """
    counts = dict.fromkeys(MOST, 0)
    for number, element in enumerate(document.root.iter("*"), 1):
        if number > MOST_ELEMENTS:
            raise refused(document, element, f"more than {MOST_ELEMENTS} elements", "make the description smaller")
        if len(element.attrib) > MOST_ATTRIBUTES:
            raise refused(document, element, f"more than {MOST_ATTRIBUTES} attributes", "remove some")
        if element.tag not in counts:
            continue
        counts[element.tag] += 1
        if counts[element.tag] > MOST[element.tag]:
            raise refused(
                document, element, f"more than {MOST[element.tag]} <{element.tag}> elements", "remove some of them"
            )
