"""config/durations.py."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from config.durations import Duration, parse_age, parse_duration, spelled
from errors import BadInput


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("2", timedelta(seconds=2)),
        ("0.5", timedelta(seconds=0.5)),
        ("90m", timedelta(minutes=90)),
        ("3h", timedelta(hours=3)),
        ("1w2d", timedelta(days=9)),
        ("0w1d", timedelta(days=1)),
        ("1W2D3H4M5S", timedelta(days=9, hours=3, minutes=4, seconds=5)),
    ],
)
def test_what_people_write_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", " ", "garbage", "1x", "-1h", "1d2w", "1h1h", "1.5h", "h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "7", "0.5", "garbage", "1d2w", "99999999999999w"])
def test_an_age_has_a_unit(text: str) -> None:
    with pytest.raises(BadInput, match="is not an age"):
        parse_age(text)


def test_an_age_is_read_as_a_duration_is() -> None:
    assert parse_age("1w2d") == timedelta(days=9)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(hours=24), "1d"),
        (timedelta(days=9, minutes=1), "1w2d"),
        (timedelta(days=1, seconds=1), "1d"),
        (-timedelta(1), "0s"),
    ],
)
def test_a_duration_is_spelled_by_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert spelled(duration) == text


def test_a_duration_survives_json() -> None:
    durations: TypeAdapter[timedelta] = TypeAdapter(Duration)
    for duration in (timedelta(seconds=0.5), timedelta(days=9, minutes=1)):
        assert durations.validate_json(durations.dump_json(duration)) == duration
