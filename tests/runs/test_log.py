"""runs/log.py: each line of a run's log is read once, also when the log is longer than a page, or a line comes late."""

import logging
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.states import Running

from runs.client import Runs
from runs.log import PAGE

MANY = 2 * PAGE + 50


@flow(name="logged")
def logged() -> None:
    """It is not run."""


def test_each_line_of_a_log_is_read_once(runs: Runs, prefect_api: str) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    with SyncPrefectClient(prefect_api) as client:
        run_id = str(client.create_flow_run(logged, state=Running()).id)

        def line(text: str, second: float) -> LogCreate:
            time_of = began + timedelta(seconds=second)
            return LogCreate(
                name="tasks.x", level=logging.INFO, message=text, timestamp=time_of, flow_run_id=UUID(run_id)
            )

        client.create_logs([line(f"line {number}", number) for number in range(MANY)])
        wait_for_lines(runs, run_id, MANY)
        log = runs.log(run_id)
        assert [each.text for each in log.new_lines()] == [f"line {number}" for number in range(MANY)]
        assert log.new_lines() == []
        # Batches may overtake each other: an older line comes after a younger one.
        client.create_logs([line("late", MANY - 5)])
        wait_for_lines(runs, run_id, MANY + 1)
        assert [(each.text, each.logger, each.level) for each in log.new_lines()] == [("late", "tasks.x", 20)]


def wait_for_lines(runs: Runs, run_id: str, number: int) -> None:
    end = time.monotonic() + 30
    while len(runs.log(run_id).new_lines()) < number:
        assert time.monotonic() < end
        time.sleep(0.2)
