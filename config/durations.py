"""Durations as people write them: `90m`, `1w2d`, `3h`, or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from errors import BadInput

UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_NUMBER = re.compile(r"\d+(\.\d+)?")
# Units in falling order, each at most once: `1d2w` is a slip, not a duration.
_COMPOUND = re.compile("".join(rf"(?:(?P<{name}>\d+){unit})?" for unit, name in UNITS.items()))


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: It is not one.
    """
    written = text.strip().lower()
    if _NUMBER.fullmatch(written):
        return timedelta(seconds=float(written))
    match = _COMPOUND.fullmatch(written)
    if not written or match is None:
        raise ValueError(f"{text!r} is not a duration: write seconds, or weeks to seconds like 1w2d, 3h or 90m")
    try:
        return timedelta(**{name: int(value) for name, value in match.groupdict(default="0").items()})
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than any duration that can be counted") from error


def parse_age(text: str) -> timedelta:
    """Read an age that decides what goes: a number without unit could mean anything, and is none.

    Raises:
        BadInput: It is not one.
    """
    how = "write it like 90m, 3h, 7d or 1w2d"
    if _NUMBER.fullmatch(text.strip()):
        raise BadInput(f"{text!r} is not an age: it has no unit", resolution=how)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not an age", resolution=how) from error


def spelled(duration: timedelta) -> str:
    """Return a duration as it is read, by its two largest units: `1d3h`, `5m`, `0s`."""
    left = max(0, int(duration.total_seconds()))
    parts = []
    for unit, name in UNITS.items():
        size = int(timedelta(**{name: 1}).total_seconds())
        parts.append((left // size, unit))
        left %= size
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return "".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count or first == len(parts) - 1)


def _from_text(value: object) -> object:
    # `PT90M` is how a model writes a duration as JSON; pydantic reads it.
    is_iso = isinstance(value, str) and value.startswith("P")
    return parse_duration(value) if isinstance(value, str) and not is_iso else value


Duration = Annotated[timedelta, BeforeValidator(_from_text)]
