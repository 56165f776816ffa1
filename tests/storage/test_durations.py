"""storage/durations.py."""

from datetime import timedelta

import pytest

from storage.durations import parse_duration


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
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)
