"""ingest/names.py: which names in an archive may become files."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import BadInput
from ingest.names import (
    DEEPEST,
    LONGEST_COMPONENT_BYTES,
    LONGEST_PATH_BYTES,
    refuse_unprintable,
    shown,
    tree_path,
)

PATHS = {
    "": "",
    ".": "",
    "./": "",
    "a": "a",
    "./a/b/": "a/b",
    "a//./b": "a/b",
    "...": "...",
    "a..b/..c": "a..b/..c",
    "a b/é": "a b/é",
    "🐧/👩\u200d💻/🏴\U000e0067\U000e007f": "🐧/👩\u200d💻/🏴\U000e0067\U000e007f",
    "a\u00a0b\u3000c\u00ad": "a\u00a0b\u3000c\u00ad",
    "\U0001fae8 of a later Unicode, \ue000 of one's own": "\U0001fae8 of a later Unicode, \ue000 of one's own",
    "a" * LONGEST_COMPONENT_BYTES: "a" * LONGEST_COMPONENT_BYTES,
    "a/" * DEEPEST: "/".join("a" * DEEPEST),
}
REFUSED = {
    "/etc/passwd": "is absolute",
    "//": "is absolute",
    "..": "leads out of the archive",
    "a/../b": "leads out of the archive",
    "a\nb": "control characters",
    "a\x1b[2J": "control characters",
    "a\u202eb": "control characters, or bidirectional ones: U\\+202E",
    "a\u200fb": "U\\+200F",
    "a\u2067b": "U\\+2067",
    "a\u2028b": "U\\+2028",
    "a\x85b": "U\\+0085",
    "a\udcffb": "is not UTF-8",
    "a" * (LONGEST_COMPONENT_BYTES + 1): "has a part longer than",
    "é" * 128: "has a part longer than",
    "a/" * DEEPEST + "a": "deeper than",
    "/".join(["a" * 200] * 11): "is longer than",
}


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(("name", "path"), PATHS.items(), ids=lambda text: text[:12])
def test_a_name_is_a_path_below_the_top(name: str, path: str) -> None:
    assert tree_path(name) == path


@pytest.mark.parametrize(("name", "why"), REFUSED.items(), ids=lambda text: ascii(text[:12]))
def test_a_name_that_may_not_become_a_file_is_refused(name: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refusal:
        tree_path(name)
    assert refusal.value.resolution
    assert refusal.value.message.isprintable()


@given(st.text(st.sampled_from("/.a\n\udc80é"), max_size=20) | st.text(max_size=300))
def test_what_passes_is_relative_plain_and_within_the_limits(name: str) -> None:
    try:
        path = tree_path(name)
    except BadInput:
        return
    parts = path.split("/") if path else []
    assert not {"", ".", ".."} & set(parts)
    assert not {unicodedata.category(character) for character in path} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in path} & BIDIRECTIONAL
    assert len(path.encode()) <= LONGEST_PATH_BYTES
    assert len(parts) <= DEEPEST
    assert all(len(part.encode()) <= LONGEST_COMPONENT_BYTES for part in parts)
    assert tree_path(path) == path


def test_a_name_in_a_message_is_quoted_escaped_and_cut() -> None:
    assert shown("a'\n") == repr("a'\n")
    assert shown("x" * 120) == repr("x" * 120)
    assert shown("x" * 121) == repr("x" * 120 + "…")


def test_a_refusal_of_text_begins_with_its_place() -> None:
    refuse_unprintable("fine é", "the target")
    with pytest.raises(BadInput, match=r"^the target holds control characters"):
        refuse_unprintable("\0", "the target")
