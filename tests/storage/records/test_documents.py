"""Documents keep what they do not change, byte for byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.documents import Document, Entry, _lines

ODD = b"""
{ "revision" : "r1", "later" : [1,  2.50, "\\u00e9\xc3\xa9"],
  "records": { "a" : { "n": 1E3,
     "t":"x" }  , "b":[ ],"c" : "\\ud800" } }
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_records_and_unknown_members_keep_their_bytes() -> None:
    document = Document.parse(ODD)
    document.records["d"] = Entry.of({"new": True})
    written = document.dump()
    for kept in (b'[1,  2.50, "\\u00e9\xc3\xa9"]', b'{ "n": 1E3,\n     "t":"x" }', b"[ ]", b'"\\ud800"'):
        assert kept in written
    assert json.loads(written)["records"]["d"] == {"new": True}


def test_every_write_has_another_revision() -> None:
    document = Document()
    assert document.dump() != document.dump()


@given(st.dictionaries(st.text(), JSON, max_size=5), st.dictionaries(st.text(), JSON, max_size=3))
def test_any_document_reads_back_as_json_reads_it(records: dict[str, object], others: dict[str, object]) -> None:
    whole = {"revision": "r", **others, "records": records}
    document = Document.parse(json.dumps(whole, indent=1).encode())
    assert {name: entry.value for name, entry in document.records.items()} == records
    again = json.loads(document.dump())
    assert again | {"revision": ""} == whole | {"revision": ""}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"records": []}',
        b'{"records": {}',
        b'{"records": {}} x',
        b'{"records": {"a": 1,}}',
        b'{"records": {"a" 1}}',
        b'{"records": {"a": 1, "a": 2}}',
        b'{"records": {1: 2}}',
        b'{"records": {"a": }}',
        b'{"records": {"\xff": 1}}',
        b'{"records": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"revision": "r", "records": {"0f2a7c1e": {"id": "0f2a7',
    ],
    ids=lambda data: data[:40].decode(errors="replace"),
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Document.parse(data)


PIECES = [
    '"a":',
    '"b":',
    "{",
    "}",
    ",\n",
    "\n",
    ",",
    "1",
    '"x"',
    "[]",
    '"a":{"b":1}',
    '"c":{"d":{}}',
    '"a":1',
    " ",
    "NaN",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_lines_are_read_as_the_parser_that_keeps_positions_reads_them(pieces: list[str]) -> None:
    text = f'{{"revision":"{"0" * 32}","records":{{\n{"".join(pieces)}\n}}}}\n'
    if (found := _lines(text)) is not None:
        by_parser = Document._parse_any(text).records
        assert [*found] == [*by_parser]
        assert {name: each.text.strip() for name, each in found.items()} == {
            name: each.text for name, each in by_parser.items()
        }


@given(st.dictionaries(st.text(alphabet="abc0123", min_size=1), JSON, min_size=1, max_size=5))
def test_what_this_release_writes_is_read_by_lines(records: dict[str, object]) -> None:
    document = Document({name: Entry.of(value) for name, value in records.items()})
    again = Document.parse(document.dump())
    assert {name: each.text for name, each in again.records.items()} == {
        name: each.text for name, each in document.records.items()
    }


def test_a_document_of_records_is_read_by_lines() -> None:
    document = Document({"a": Entry.of({"name": "Größe,\n\u2028", "n": 1}), "b": Entry.of({})})
    assert _lines(document.dump().decode()) is not None
