"""ingest/pax.py: the records of a pax header, well-formed or refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import BadInput
from ingest.pax import pax_records
from tests.ingest.archives import pax_record

RECORDS = {
    "none": (b"", {}),
    "one": (b"9 path=a\n", {"path": "a"}),
    "two": (b"9 path=a\n9 path=b\n12 size=100\n", {"path": "b", "size": "100"}),
    "an empty value": (b"8 path=\n", {"path": ""}),
    "a value of two lines, with signs": (b"13 path=a\n=b\n", {"path": "a\n=b"}),
    "not UTF-8": (b"9 path=\xff\n", {"path": "\udcff"}),
    "the character set of POSIX": (
        pax_record("hdrcharset", b"ISO-IR 10646 2000 UTF-8"),
        {"hdrcharset": "ISO-IR 10646 2000 UTF-8"},
    ),
}
RECORDS["a sparse file of format 0.0"] = (
    b"".join(
        pax_record(f"GNU.sparse.{key}", value)
        for key, value in [("offset", b"0"), ("numbytes", b"5"), ("offset", b"9"), ("numbytes", b"1")]
    ),
    {"GNU.sparse.map": "0,5,9,1"},
)
REFUSED = {
    "no length": (b"path=a\n", "malformed"),
    "no blank": (b"9path=aa\n", "malformed"),
    "length zero": (b"0 path=a\n", "malformed"),
    "too long a length": (b"99 path=a\n", "malformed"),
    "a negative length": (b"-9 path=a\n", "malformed"),
    "too short a length": (b"8 path=a\n", "malformed"),
    "a length of too many digits": (b"000000009 path=a\n", "malformed"),
    "no key": (b"6 =aa\n", "malformed"),
    "no value": (b"7 path\n", "malformed"),
    "no end of line": (b"9 path=ab", "malformed"),
    "zero bytes after it": (b"9 path=a\n\0\0", "malformed"),
    "an unknown encoding": (pax_record("hdrcharset", b"BINARY"), "character set 'BINARY'"),
}


@pytest.mark.parametrize(("data", "records"), RECORDS.values(), ids=RECORDS)
def test_records_are_read(data: bytes, records: dict[str, str]) -> None:
    assert pax_records(data, "the header of x") == records


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_other_records_are_refused_with_their_place(data: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=f"{why}.* in the header of x"):
        pax_records(data, "the header of x")


keys = st.text("abc.", min_size=1, max_size=9)


@given(st.dictionaries(keys, st.text(st.characters(exclude_categories=["Cs"]), max_size=120)))
def test_whatever_was_written_is_read(records: dict[str, str]) -> None:
    data = b"".join(pax_record(key, value.encode()) for key, value in records.items())
    assert pax_records(data, "x") == records


@given(st.binary(max_size=40) | st.text("0123456789 =a\n", max_size=40).map(str.encode))
def test_nothing_else_than_a_refusal_comes_of_garbage(data: bytes) -> None:
    with suppress(BadInput):
        pax_records(data, "x")
