"""Which lines of a run's log a user sees who follows a job."""

import logging
from datetime import UTC, datetime

import pytest

from cli.log_lines import PODS, shown
from runs.log import LogLine


def line(text: str, logger: str = PODS) -> LogLine:
    return LogLine("1", datetime(2026, 1, 1, tzinfo=UTC), logger, logging.INFO, text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("[ INFO    ]: 12:00:00 | Installing packages", "Installing packages"),
        ("[ WARNING ]: 12:00:00 | no key", "warning: no key"),
        ("[ ERROR   ]: 12:00:00 | KiwiX: gone", "error: KiwiX: gone"),
        ("[ DEBUG   ]: 12:00:00 | EXEC: [rpm]", None),
        ("the script runs", "the script runs"),
    ],
)
def test_kiwis_lines_have_one_time_and_no_debugging(text: str, seen: str | None) -> None:
    assert shown(line(text)) == seen
    assert shown(line(text), whole=True) == text


def test_of_prefects_lines_those_on_retries_are_seen() -> None:
    assert shown(line("Finished in state Completed()", "prefect.flow_runs")) is None
    assert shown(line("Retry 1/4 will start", "prefect.task_runs")) == "Retry 1/4 will start"
