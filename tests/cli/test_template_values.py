"""cli/template_values.py."""

import pytest

from cli.template_values import dictionary_of
from errors import BadInput


def test_both_ways_of_writing_may_be_mixed() -> None:
    found = dictionary_of(["list=a,b=c"], "A,B", "1,2")
    assert [(entry["key"], entry["value"]) for entry in found] == [("list", "a,b=c"), ("A", "1"), ("B", "2")]
    assert dictionary_of(None, "", "") == []


@pytest.mark.parametrize(
    ("values", "keys", "cray_values", "words"),
    [
        (None, "A,B", "1,2,3", "different numbers of entries"),
        (None, "A,B", "1", "different numbers of entries"),
        (["novalue"], "", "", "has no '='"),
    ],
)
def test_what_is_no_pair_is_refused(values: list[str] | None, keys: str, cray_values: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        dictionary_of(values, keys, cray_values)
