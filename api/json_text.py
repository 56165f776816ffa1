"""JSON as this API takes it: what two parsers could read differently, or what only costs memory, is refused."""

import json
import re
from collections import Counter
from typing import Any, NoReturn

from errors import BadInput

# The deepest input has four levels: a recipe, its dictionary, an entry, a value.
DEEPEST = 16
# More digits than any number has that is asked for.
LONGEST_NUMBER = 32
_MOST_NAMED = 5
_LONGEST_NAMED = 100

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def check(body: bytes) -> None:
    """Refuse a body that is not one JSON value in UTF-8.

    Raises:
        BadInput: It is empty or nested too deeply, a name occurs twice in an object, a number is no finite one or too
            long, or it is not JSON at all.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not text in UTF-8: byte {error.start} is not") from error
    if not text.strip():
        raise BadInput("the body is empty", resolution="send the fields as a JSON object")
    _refuse_deep(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    if value == {}:
        raise BadInput("the body is an empty object", resolution="send the fields as a JSON object")


def _refuse_deep(text: str) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise BadInput(f"the body is nested more than {DEEPEST} levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        named = ", ".join(repr(name[:_LONGEST_NAMED]) for name in sorted(twice)[:_MOST_NAMED])
        others = f" and {len(twice) - _MOST_NAMED} others" if len(twice) > _MOST_NAMED else ""
        raise BadInput(f"the body names {named}{others} twice in one object")
    return dict(pairs)


def _constant(name: str) -> NoReturn:
    raise BadInput(f"the body has {name}, which is no JSON")


def _integer(digits: str) -> int:
    return int(_short(digits))


def _float(digits: str) -> float:
    return float(_short(digits))


def _short(digits: str) -> str:
    if len(digits) > LONGEST_NUMBER:
        raise BadInput(f"the body has a number of {len(digits)} characters")
    return digits
