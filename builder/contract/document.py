"""How a document goes into JSON and comes out of it: a frozen dataclass, checked field by field.

Fields that another release has added are ignored, unless a class keeps them (OTHERS) or refuses them.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, get_args, get_origin

from builder.contract.unreadable import Unreadable

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object"}


# The metadata of the field that keeps the unknown fields of a document, so that they are written again.
OTHERS = {"others": True}


@dataclass(frozen=True)
class Document:
    """A document; `title` names it in messages."""

    title: ClassVar[str] = "the document"

    def to_json(self) -> bytes:
        """Return the document as it is stored."""
        return json.dumps(self.to_values()).encode()

    def to_values(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return _written_fields(self)

    @classmethod
    def from_json(cls, document: str | bytes) -> Self:
        """Read the document.

        Raises:
            Unreadable: It is not JSON, or a field is missing or of another type.
        """
        try:
            values = json.loads(document)
        except ValueError as error:
            raise Unreadable(f"{cls.title} cannot be read: it is not JSON: {error}") from error
        try:
            return cls.from_values(values)
        except _Mismatch as mismatch:
            raise Unreadable(f"{cls.title} cannot be read: {mismatch}") from mismatch

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Read the fields from what JSON gave."""
        found: Self = read_fields(cls, values, "it")
        return found


class _Mismatch(ValueError):
    """A value is not what its field takes."""


def read_fields(kind: Any, values: Any, place: str) -> Any:
    """Read an object of JSON into a dataclass.

    Args:
        kind: The dataclass.
        values: What JSON gave.
        place: Where that stands, in words.
    """
    if not isinstance(values, dict):
        raise _Mismatch(f"{place} is not an object")
    own = [each for each in fields(kind) if each.name in values and "others" not in each.metadata]
    found = {each.name: _read_field(each, values, place) for each in own}
    for each in fields(kind):
        if "others" in each.metadata:
            found[each.name] = {name: value for name, value in values.items() if name not in found}
        elif each.name not in found and each.default is MISSING and each.default_factory is MISSING:
            raise _Mismatch(f"{place} has no field {each.name}")
    return kind(**found)


def refuse_unknown(kind: Any, values: Any, place: str) -> None:
    """Refuse an object with fields that a dataclass does not have."""
    if unknown := sorted(set(values) - {each.name for each in fields(kind)}):
        raise _Mismatch(f"{place} holds options unknown to this builder image: {', '.join(unknown)}")


def _read_field(each: "Field[Any]", values: Mapping[str, Any], place: str) -> Any:
    name = each.name if place == "it" else f"{each.name} of {place}"
    return _read(each.type, values[each.name], name)


def _read(kind: Any, value: Any, place: str) -> Any:
    if is_dataclass(kind):
        return read_fields(kind, value, place)
    if isinstance(kind, UnionType):
        [inner] = [each for each in get_args(kind) if each is not NoneType]
        return None if value is None else _read(inner, value, place)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _Mismatch(f"{place} is not a list")
        return tuple(_read(get_args(kind)[0], each, f"an entry of {place}") for each in value)
    return _read_plain(get_origin(kind) or kind, value, place)


def _read_plain(kind: type, value: Any, place: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise _Mismatch(f"{place} is {json.dumps(value)[:80]}, not {_WORDS[kind]}")
    return value


def _written_fields(document: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for each in fields(document):
        value = getattr(document, each.name)
        values |= value if "others" in each.metadata else {each.name: _written(value)}
    return values


def _written(value: Any) -> Any:
    if is_dataclass(value):
        return _written_fields(value)
    return [_written(each) for each in value] if isinstance(value, tuple) else value
