"""Durations as people write them: `90m`, `1w2d`, `3h`, or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_NUMBER = re.compile(r"\d+(\.\d+)?")
# Units in falling order, each at most once: `1d2w` is a slip, not a duration.
_COMPOUND = re.compile("".join(rf"(?:(?P<{name}>\d+){unit})?" for unit, name in UNITS.items()))


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: It is not one.
    """
    spelled = text.strip().lower()
    if _NUMBER.fullmatch(spelled):
        return timedelta(seconds=float(spelled))
    match = _COMPOUND.fullmatch(spelled)
    if not spelled or match is None:
        raise ValueError(f"{text!r} is no duration: write seconds, or weeks to seconds like 1w2d, 3h or 90m")
    return timedelta(**{name: int(value) for name, value in match.groupdict(default="0").items()})


def _from_text(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_from_text)]
