"""A document: one JSON object in S3 that holds a sixteenth of the records of a kind.

`{"revision": <random token>, "records": {id: record}}`. A record that is not changed keeps its bytes: what this release
does not understand survives it.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RECORDS = "records"
REVISION = "revision"

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Entry:
    """A JSON value and the very text it was read from, or will be written as."""

    text: str
    value: Any

    @classmethod
    def of(cls, value: Any) -> "Entry":
        """Return the entry of a value that was not read."""
        return cls(json.dumps(value, separators=(",", ":")), value)


@dataclass
class Document:
    """The records of a document by id, and the members that this release does not know."""

    records: dict[str, Entry] = field(default_factory=dict)
    others: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> "Document":
        """Read a document.

        Raises:
            ValueError: It is not a document: no JSON, or of another shape.
        """
        try:
            text = data.decode()
            members, end = _members(text, 0, _top_level_value)
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error
        if _skip_space(text, end) != len(text):
            raise ValueError("has text after its end")
        records = members.pop(RECORDS, None)
        members.pop(REVISION, None)
        if records is None or not isinstance(records.value, _Records):
            raise ValueError('has no object "records"')
        return cls(records.value.entries, members)

    def dump(self) -> bytes:
        """Return the document as it is written: a fresh revision, so that no two writes have the same etag."""
        members = {REVISION: json.dumps(secrets.token_hex(16))} | {name: e.text for name, e in self.others.items()}
        head = ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items())
        records = ",\n".join(f"{json.dumps(name)}:{entry.text}" for name, entry in self.records.items())
        return f'{{{head},"{RECORDS}":{{\n{records}\n}}}}\n'.encode()


@dataclass(frozen=True)
class _Records:
    entries: dict[str, Entry]


def _top_level_value(name: str, text: str, at: int) -> tuple[Any, int]:
    if name == RECORDS and text[at : at + 1] == "{":
        entries, end = _members(text, at, _any_value)
        return _Records(entries), end
    return _DECODER.raw_decode(text, at)


def _any_value(_name: str, text: str, at: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, at)


def _members(
    text: str, start: int, value_at: Callable[[str, str, int], tuple[Any, int]]
) -> tuple[dict[str, Entry], int]:
    """Split the JSON object that begins at `start` into its members; return them and where it ends."""
    found: dict[str, Entry] = {}
    at = _skip_space(text, _expect("{", text, _skip_space(text, start)))
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str) or name in found:
            raise ValueError(f"has {name!r} where a new name is expected")
        at = _skip_space(text, _expect(":", text, _skip_space(text, at)))
        value, end = value_at(name, text, at)
        found[name] = Entry(text[at:end], value)
        at = _skip_space(text, end)
        if text[at : at + 1] == "}":
            return found, at + 1
        at = _skip_space(text, _expect(",", text, at))


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(sign: str, text: str, at: int) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"has {text[at : at + 1]!r} at character {at} where {sign!r} is expected")
    return at + 1
