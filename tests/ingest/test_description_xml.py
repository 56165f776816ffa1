"""ingest/description_xml.py: XML from outside, without document types, entities or a network."""

import pytest

from errors import BadInput
from ingest.description_xml import parse, refused


def test_a_description_is_parsed_with_its_lines() -> None:
    document = parse(b"<?xml version='1.0'?>\n<image>\n  <a>&amp;&#233;</a>\n</image>", "config.xml")
    assert (document.file, document.root.tag, document.root[0].text) == ("config.xml", "image", "&é")
    error = refused(document, document.root[0], "is not allowed", "remove it")
    assert str(error) == "config.xml, line 3: is not allowed; remove it"


REFUSED = {
    "empty": (b"", "not valid XML"),
    "not well-formed": (b"<image>\n<a>\n</image>", "line 3: not valid XML"),
    "two roots": (b"<image/>\n<image/>", "line 2: not valid XML"),
    "another root": (b"\n<html/>", "line 2: the root element is <html>"),
    "a root with a namespace": (b"<x:image xmlns:x='y'/>", "the root element is"),
    "a wrong encoding": (b"<?xml version='1.0' encoding='ebcdic-x'?><image/>", "not valid XML"),
    "bytes that are not UTF-8": (b"<image>\xff</image>", "not valid XML"),
    "a zero byte": (b"<image>\0</image>", "not valid XML"),
    "a document type": (b"\n<!DOCTYPE image>\n<image/>", "line 2: a document type"),
    "an own entity": (b"<!DOCTYPE image [<!ENTITY a 'b'>]><image>&a;</image>", "line 1: a document type"),
    "a file as an entity": (
        b"<!DOCTYPE image [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><image>&a;</image>",
        "a document type",
    ),
    "a document type of another host": (b"<!DOCTYPE image SYSTEM 'http://example.org/a.dtd'><image/>", "document type"),
    "entities that grow": (
        b"<!DOCTYPE image [<!ENTITY a 'aaaaaaaaaa'>"
        + b"".join(b"<!ENTITY %c '%b'>" % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9))
        + b"]><image>&j;</image>",
        "a document type",
    ),
    "an undefined entity": (b"<image>\n&a;</image>", "line 2"),
}


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_with_its_file(data: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=f"^config.xml.*{why}"):
        parse(data, "config.xml")
