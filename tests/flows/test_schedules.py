"""Schedules: set in Prefect as a user sets them, and run by the worker of a running `ims up`."""

from datetime import datetime, timedelta

from tests.cli.running import Up, wait_for

EVERY = timedelta(seconds=15)


def test_a_schedule_starts_a_run_at_its_time_and_the_next_one_after_it(up: Up) -> None:
    """The flow has nothing to do, and so ends at once."""
    with up.scheduled("delete-jobs/delete-jobs", EVERY, {"job_ids": []}) as planned:
        wait_for(lambda: [run["state_type"] for run in planned()[:2]] == ["COMPLETED"] * 2, 120, up.worker_log)
        first, second = (
            {name: datetime.fromisoformat(run[name]) for name in ("expected_start_time", "start_time", "end_time")}
            for run in planned()[:2]
        )
    assert second["expected_start_time"] - first["expected_start_time"] == EVERY
    for run in (first, second):
        # A worker is given a run a moment early, and its process begins in time but for Prefect's rounding.
        assert run["expected_start_time"] - timedelta(seconds=1) <= run["start_time"] < run["end_time"]
    assert first["start_time"] < second["start_time"]
