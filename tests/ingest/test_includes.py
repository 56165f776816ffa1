"""ingest/includes.py: the parts of a description become one document, each of them with its own file and line."""

import pytest
from lxml import etree

from errors import BadInput
from ingest.description_xml import Document, parse
from ingest.includes import included, resolve

FILES = {"a.xml": b"<image>\n<b/><!-- left out --><c><d/></c></image>", "e.xml": b"<image><f/></image>"}


def resolved(content: str) -> Document:
    document = parse(f"<image>\n{content}</image>".encode(), "config.xml")
    resolve(document, included(document, lambda path, place: FILES[path]))
    return document


def test_the_elements_of_an_included_file_take_its_place() -> None:
    document = resolved('<x/><include from="this://a.xml"/><y/><include from="this://e.xml"/>')
    assert etree.tostring(document.root) == b"<image>\n<x/><b/><c><d/></c><y/><f/></image>"


def test_an_element_knows_the_file_that_it_comes_from() -> None:
    document = resolved('<x/>\n<include from="this://a.xml"/>\n<y/>')
    places = {each.tag: document.place(each) for each in document.root.iter("*")}
    assert places == {
        "image": "config.xml, line 1",
        "x": "config.xml, line 2",
        "b": "a.xml, line 2",
        "c": "a.xml, line 2",
        "d": "a.xml, line 2",
        "y": "config.xml, line 4",
    }


def test_an_include_elsewhere_is_refused_as_kiwi_would_leave_it() -> None:
    with pytest.raises(BadInput, match="line 2: the include is not in <image> itself"):
        resolved('<x><include from="this://a.xml"/></x>')
