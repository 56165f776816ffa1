"""A document: one JSON object in S3 that holds a sixteenth of the records of a kind.

`{"revision": <random token>, "records": {id: record}}`. A record that is not changed keeps its bytes: what this release
does not understand survives it.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

RECORDS = "records"
REVISION = "revision"

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()

V = TypeVar("V")


@dataclass(eq=False, slots=True)
class Entry:
    """A JSON value: the very text it was read from, or will be written as.

    Attributes:
        text: The text.
        reading: What the records of its kind have made of it, so that it is done once.
    """

    text: str
    reading: Any = None

    @classmethod
    def of(cls, value: Any) -> "Entry":
        """Return the entry of a value that was not read."""
        return cls(json.dumps(value, separators=(",", ":")))

    @property
    def value(self) -> Any:
        """The value."""
        return json.loads(self.text)


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
        text = data.decode()
        records = _lines(text)
        return cls(records) if records is not None else cls._parse_any(text)

    @classmethod
    def _parse_any(cls, text: str) -> "Document":
        """Read a document of any form: one that another release, or a user, has written."""
        try:
            members, end = _members(text, 0, _top_level_value)
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error
        if _skip_space(text, end) != len(text):
            raise ValueError("has text after its end")
        found = [member.entries for member in members.values() if isinstance(member, _Records)]
        if not found:
            raise ValueError('has no object "records"')
        others = {name: each for name, each in members.items() if isinstance(each, Entry) and name != REVISION}
        return cls(found[0], others)

    def dump(self) -> bytes:
        """Return the document as it is written: a fresh revision, so that no two writes have the same etag."""
        members = {REVISION: json.dumps(secrets.token_hex(16))} | {name: e.text for name, e in self.others.items()}
        head = ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items())
        records = ",\n".join(f"{json.dumps(name)}:{entry.text}" for name, entry in self.records.items())
        return f'{{{head},"{RECORDS}":{{\n{records}\n}}}}\n'.encode()


@dataclass(frozen=True)
class _Records:
    entries: dict[str, Entry]


# What `dump` writes: a line before the records, one for each record, and one after them.
_HEAD = re.compile(r'\{"revision":"[0-9a-f]{32}","records":\{\n')
_TAIL = "\n}}\n"
_NAME = re.compile(r'"([^"\\\x00-\x1f]+)":')


def _lines(text: str) -> dict[str, Entry] | None:
    """Return the records of a document as `dump` writes it without other members; None: it has another form.

    It takes a tenth of the time of a parser that keeps positions, and proves as much: each line is a name and a whole
    JSON value, so what lies between two lines can only be the comma that separates them.
    """
    head = _HEAD.match(text)
    if head is None or not text.endswith(_TAIL):
        return None
    found: dict[str, Entry] = {}
    for line in text[head.end() : -len(_TAIL)].split(",\n"):
        name = _NAME.match(line)
        if name is None or name[1] in found:
            return None
        value = line[name.end() :]
        try:
            orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        found[name[1]] = Entry(value)
    return found


def _top_level_value(name: str, text: str, at: int) -> tuple["_Records | Entry", int]:
    if name == RECORDS and text[at : at + 1] == "{":
        entries, end = _members(text, at, _any_value)
        return _Records(entries), end
    return _any_value(name, text, at)


def _any_value(_name: str, text: str, at: int) -> tuple[Entry, int]:
    _, end = _DECODER.raw_decode(text, at)
    return Entry(text[at:end]), end


def _members(text: str, start: int, value_at: Callable[[str, str, int], tuple[V, int]]) -> tuple[dict[str, V], int]:
    """Split the JSON object that begins at `start` into its members; return them and where it ends."""
    found: dict[str, V] = {}
    at = _skip_space(text, _expect("{", text, _skip_space(text, start)))
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str) or name in found:
            raise ValueError(f"has {name!r} where a new name is expected")
        at = _skip_space(text, _expect(":", text, _skip_space(text, at)))
        found[name], end = value_at(name, text, at)
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
