"""api/json_text.py: every JSON text that has one meaning is taken, and no other text."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.json_text import DEEPEST, LONGEST_NUMBER, check
from errors import BadInput

NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXTS = '[]{}",:\\0123456789.eE+-truefalsn /u'


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@settings(max_examples=50, deadline=None)
@given(VALUES.filter(lambda value: value != {} and depth_of(value) <= DEEPEST), st.booleans())
def test_what_python_writes_is_taken(value: Any, ascii_alone: bool) -> None:
    check(json.dumps(value, ensure_ascii=ascii_alone).encode(errors="surrogatepass").decode(errors="replace").encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(TEXTS, max_size=60).map(str.encode))
def test_whatever_else_is_taken_is_json(body: bytes) -> None:
    try:
        check(body)
    except BadInput:
        return
    json.loads(body)


@pytest.mark.parametrize(
    ("body", "why"),
    {
        "nothing": (b"", "empty"),
        "space": (b" \r\n", "empty"),
        "an empty object": (b"{}", "empty object"),
        "half": (b'{"name": "a', "not JSON"),
        "two": (b"{} {}", "not JSON"),
        "not UTF-8": (b'{"name": "\xff"}', "not text in UTF-8"),
        "twice": (b'{"name": "a", "name": "b"}', "names 'name' twice"),
        "twice within": (b'[{"a": {"b": 1, "b": 1}}]', "names 'b' twice"),
        "deep": (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested more than"),
        "deep and open": (b'{"a":' * 100_000, "nested more than"),
        "NaN": (b'{"a": NaN}', "NaN"),
        "infinite": (b"[-Infinity]", "-Infinity"),
        "a long number": (b"1" * (LONGEST_NUMBER + 1), "number of 33 characters"),
        "a very long number": (b"[1" + b"0" * 100_000 + b"]", "number of 100001 characters"),
    }.values(),
)
def test_what_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        check(body)


def test_brackets_in_strings_are_no_depth() -> None:
    check(json.dumps(["[{" * 1000, '\\"[' * 1000]).encode())
