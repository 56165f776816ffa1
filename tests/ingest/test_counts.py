"""ingest/counts.py: how much a description may hold."""

import pytest

from errors import BadInput
from ingest.counts import MOST, MOST_ATTRIBUTES, MOST_ELEMENTS, check_counts
from ingest.description_xml import parse

ATTRIBUTES = " ".join(f"a{number}='x'" for number in range(MOST_ATTRIBUTES))
MANY = {name: (f"<{name}/>" * most, f"<{name}/>", f"more than {most} <{name}>") for name, most in MOST.items()} | {
    "elements": ("<a/>" * (MOST_ELEMENTS - 1), "<a/>", f"more than {MOST_ELEMENTS} elements"),
    "attributes": (f"<a {ATTRIBUTES}/>", f"<a {ATTRIBUTES} b='x'/>", f"more than {MOST_ATTRIBUTES} attributes"),
}


@pytest.mark.parametrize(("content", "one_more", "said"), MANY.values(), ids=MANY)
def test_as_many_as_are_allowed_pass_and_one_more_is_refused(content: str, one_more: str, said: str) -> None:
    check_counts(parse(f"<image>{content}</image>".encode(), "config.xml"))
    with pytest.raises(BadInput, match=said):
        check_counts(parse(f"<image>\n{content}{one_more}</image>".encode(), "config.xml"))
