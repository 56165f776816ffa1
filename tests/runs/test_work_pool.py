"""runs/work_pool.py: the pool is made, opened and paused; its runs that a worker has, and those that stopped."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running, Scheduled, Suspended

from runs.client import Runs
from runs.work_pool import UP_WORKER, WORK_POOL
from storage.models.records import new_id

IN_HAND: dict[str, State[Any]] = {"Pending": Pending(), "Running": Running(), "Cancelling": Cancelling()}
STOPPED: dict[str, State[Any]] = {
    "Cancelling": Cancelling(),
    "Suspended": Suspended(timeout_seconds=600),
    "Cancelled": Cancelled(),
    "Failed": Failed(),
    "Crashed": Crashed(),
}
OTHERS: dict[str, State[Any]] = {"Scheduled": Scheduled(), "Completed": Completed()}


@flow(name="pooled")
def pooled() -> None:
    """It is not run."""


@pytest.fixture
def client(prefect_api: str, runs: Runs) -> Iterator[SyncPrefectClient]:
    """A client of a server that has the pool."""
    runs.pool.make()
    with SyncPrefectClient(prefect_api) as found:
        yield found


def start(client: SyncPrefectClient, runs: Runs, state: State[Any]) -> str:
    """Start a run of the pool, and set its state."""
    client.create_deployment(client.create_flow(pooled), "pooled", work_pool_name=WORK_POOL)
    run_id = runs.start("pooled/pooled", {}, idempotency_key=new_id())
    # Without a process, Prefect takes a run that is to be cancelled for cancelled at once.
    for each in (Running(), state):
        client.set_flow_run_state(UUID(run_id), each, force=True)
    return run_id


@pytest.mark.parametrize("name", IN_HAND | STOPPED | OTHERS)
def test_a_run_is_in_hand_or_stopped_by_its_state(name: str, client: SyncPrefectClient, runs: Runs) -> None:
    run_id = start(client, runs, (IN_HAND | STOPPED | OTHERS)[name])
    assert (run_id in {run.id for run in runs.pool.active_runs()}) is (name in IN_HAND)
    assert (run_id in {run.id for run in runs.pool.stopped_runs()}) is (name in STOPPED)
    runs.mark_cancelled(run_id, "the test is over")


def test_a_run_whose_process_has_ended_is_in_hand_until_it_is_resumed(client: SyncPrefectClient, runs: Runs) -> None:
    run_id = start(client, runs, Running())
    assert runs.resume(run_id)
    assert run_id not in {run.id for run in runs.pool.active_runs()}
    assert runs.read_run(run_id).state.name == "AwaitingRetry"
    assert client.read_flow_run(UUID(run_id)).next_scheduled_start_time is not None
    runs.mark_cancelled(run_id, "the test is over")


def test_a_run_that_is_to_be_cancelled_is_not_resumed(client: SyncPrefectClient, runs: Runs) -> None:
    run_id = start(client, runs, Running())
    runs.cancel(run_id)
    assert runs.read_run(run_id).state.is_cancelling
    assert not runs.resume(run_id)
    runs.mark_cancelled(run_id, "the test is over")
    assert runs.read_run(run_id).state.is_cancelled


def test_opening_the_pool_ends_its_pause_and_removes_the_workers_of_earlier_starts(
    client: SyncPrefectClient, runs: Runs
) -> None:
    earlier, other = f"{UP_WORKER}1", "ims-worker-0"
    for name in (earlier, other):
        client.request(
            "POST",
            "/work_pools/{work_pool_name}/workers/heartbeat",
            path_params={"work_pool_name": WORK_POOL},
            json={"name": name},
        )
    runs.pool.close()
    runs.pool.make()
    assert client.read_work_pool(WORK_POOL).is_paused
    assert runs.pool.workers() == {earlier, other}
    runs.pool.open(["program", "argument"])
    opened = client.read_work_pool(WORK_POOL)
    assert not opened.is_paused
    assert opened.base_job_template["variables"]["properties"]["command"]["default"] == "program argument"
    assert runs.pool.workers() == {other}
