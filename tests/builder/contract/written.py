"""Inputs and documents of every kind, with any text in them: line ends, quotes, unicode."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from hypothesis import strategies as st

from builder.contract.environment import Input

# A variable holds no NUL, and a surrogate alone is no text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
json_objects = st.dictionaries(st.text(), json_values, max_size=3)


def inputs(kind: type[Input]) -> st.SearchStrategy[Any]:
    """Return inputs of a class."""
    return st.builds(kind, **{each.name: _input_field(each) for each in fields(kind)})


def documents(kind: Any, **chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return documents of a class.

    Args:
        kind: The dataclass.
        chosen: What some of its fields are.
    """
    names = {each.name for each in fields(kind)}
    # A field of another release has another name.
    unknown = st.dictionaries(st.text().filter(lambda name: name not in names), st.text(), max_size=2)
    made = {each.name: unknown if "others" in each.metadata else _values(each.type) for each in fields(kind)}
    return st.builds(kind, **made | chosen)


def _input_field(each: Any) -> st.SearchStrategy[Any]:
    if isinstance(each.type, type) and issubclass(each.type, Input):
        return inputs(each.type)
    if each.type is bool:
        return st.booleans()
    if each.type is int:
        return st.integers(min_value=0)
    # An empty variable reads as the default.
    return texts if each.default == "" else texts.filter(bool)


def _values(kind: Any) -> st.SearchStrategy[Any]:
    if is_dataclass(kind):
        return documents(kind)
    if isinstance(kind, UnionType):
        [inner] = [each for each in get_args(kind) if each is not NoneType]
        return st.none() | _values(inner)
    if get_origin(kind) is tuple:
        return st.lists(_values(get_args(kind)[0]), max_size=3).map(tuple)
    if get_origin(kind) is dict:
        return st.dictionaries(st.text(), st.text(), max_size=3)
    plain = {
        str: st.text(),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
    }
    return plain[kind]
