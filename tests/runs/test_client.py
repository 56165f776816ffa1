"""runs/client.py, runs/log.py and runs/work_pool.py, on the Prefect server of a running `ims up`."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate, WorkPoolUpdate
from prefect.states import Running

from errors import BadInput, NotFound, Unreachable
from flows.deployments import CREATE_IMAGE, CUSTOMIZE_IMAGE
from runs.client import Runs, connected
from runs.run import RunState
from runs.work_pool import WORK_POOL
from tests.cli.conftest import clean_environment
from tests.cli.running import Up

PARAMETERS = {"recipe_id": str(uuid4()), "public_key_id": str(uuid4()), "image_root_archive_name": "image"}


@pytest.fixture
def runs(up: Up) -> Iterator[Runs]:
    with connected(up.endpoints.prefect_api_url) as found:
        yield found


@pytest.fixture
def client(up: Up) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(up.endpoints.prefect_api_url) as found:
        yield found


@pytest.fixture
def closed_pool(runs: Runs, client: SyncPrefectClient) -> Iterator[None]:
    """Keep the worker from the runs of a test."""
    runs.pool.close()
    yield
    for run in runs.pool.runs_in_hand():
        runs.mark_cancelled(run.id, "the test is over")
    client.update_work_pool(WORK_POOL, WorkPoolUpdate(is_paused=False))


def test_the_same_key_starts_one_run(runs: Runs, closed_pool: None) -> None:
    key = str(uuid4())
    first = runs.start(CREATE_IMAGE, PARAMETERS, idempotency_key=key)
    assert runs.start(CREATE_IMAGE, PARAMETERS, idempotency_key=key) == first
    other = runs.start(CREATE_IMAGE, PARAMETERS, idempotency_key=str(uuid4()))
    assert other != first
    assert runs.read_run(first).parameters["recipe_id"] == PARAMETERS["recipe_id"]
    assert runs.read_run(first).state.is_waiting
    for run_id in (first, other):
        runs.mark_cancelled(run_id, "no longer wanted")
    assert runs.read_run(first).state.is_final
    assert runs.read_run(first).state.message == "no longer wanted"


def test_a_run_whose_process_has_ended_is_in_hand_until_it_is_resumed(
    runs: Runs, client: SyncPrefectClient, closed_pool: None
) -> None:
    run_id = runs.start(CREATE_IMAGE, PARAMETERS, idempotency_key=str(uuid4()))
    assert run_id not in {run.id for run in runs.pool.runs_in_hand()}
    client.set_flow_run_state(UUID(run_id), Running(), force=True)
    assert run_id in {run.id for run in runs.pool.runs_in_hand()}
    runs.resume(run_id)
    assert run_id not in {run.id for run in runs.pool.runs_in_hand()}
    assert runs.read_run(run_id).state.name == "AwaitingRetry"
    assert client.read_flow_run(UUID(run_id)).next_scheduled_start_time is not None
    runs.mark_cancelled(run_id, "the test is over")


def test_each_line_of_a_log_is_read_once(runs: Runs, client: SyncPrefectClient, closed_pool: None) -> None:
    """Also when it is longer than a page of Prefect's API."""
    run_id = runs.start(CREATE_IMAGE, PARAMETERS, idempotency_key=str(uuid4()))
    began = datetime.now(UTC) - timedelta(hours=1)
    lines = [
        LogCreate(
            name="tasks.test",
            level=logging.INFO,
            message=f"line {number}",
            timestamp=began + timedelta(seconds=number),
            flow_run_id=UUID(run_id),
        )
        for number in range(450)
    ]
    client.create_logs(lines)
    _wait_for_lines(runs, run_id, 450)
    log = runs.log(run_id)
    assert [line.text for line in log.new_lines()] == [f"line {number}" for number in range(450)]
    assert log.new_lines() == []
    # Batches may overtake each other: an older line comes after a younger one.
    late = LogCreate(
        name="tasks.test",
        level=logging.INFO,
        message="late",
        timestamp=began + timedelta(seconds=445),
        flow_run_id=UUID(run_id),
    )
    client.create_logs([late])
    _wait_for_lines(runs, run_id, 451)
    assert [line.text for line in log.new_lines()] == ["late"]
    runs.mark_cancelled(run_id, "the test is over")


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        (
            CUSTOMIZE_IMAGE,
            {"image_id": str(uuid4()), "public_key_id": str(uuid4()), "image_root_archive_name": "i", "jail": True},
        ),
        (
            "rebuild-image/rebuild-image",
            {
                "recipe_id": str(uuid4()),
                "public_key_id": str(uuid4()),
                "image_root_archive_name": "x",
                "script": "s3://b/k",
            },
        ),
        ("finish-shell/finish-shell", {"job_id": str(uuid4()), "operation": "extend", "hours": 2}),
    ],
    ids=["customize-image", "rebuild-image", "finish-shell"],
)
def test_customizing_is_deployed(runs: Runs, closed_pool: None, deployment: str, parameters: dict[str, object]) -> None:
    run_id = runs.start(deployment, parameters, idempotency_key=str(uuid4()))
    assert runs.read_run(run_id).parameters.items() >= parameters.items()
    runs.mark_cancelled(run_id, "the test is over")


def test_parameters_that_the_flow_does_not_take_are_refused(runs: Runs) -> None:
    with pytest.raises(BadInput, match="build_env_size"):
        runs.start(CREATE_IMAGE, {**PARAMETERS, "build_env_size": "much"}, idempotency_key=str(uuid4()))


def test_an_unknown_deployment_is_not_found(runs: Runs) -> None:
    with pytest.raises(NotFound, match="no deployment create-image/other"):
        runs.start("create-image/other", PARAMETERS, idempotency_key=str(uuid4()))


def test_an_unknown_run_is_not_found(runs: Runs) -> None:
    unknown = str(uuid4())
    with pytest.raises(NotFound, match=unknown):
        runs.read_run(unknown)
    assert runs.read_state(unknown) == runs.read_state("no id") == RunState()
    assert not runs.read_state(unknown).is_alive


def test_the_address_of_a_run_is_served(runs: Runs, up: Up) -> None:
    assert runs.address("RUN") == f"{up.endpoints.prefect_ui_url}/runs/flow-run/RUN"


def test_a_server_that_is_gone_is_unreachable() -> None:
    with connected("http://127.0.0.1:9/api") as gone, pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        gone.read_run(str(uuid4()))


@pytest.mark.parametrize("module", ["runs.client", "flows.create_image", "tasks.deletions"])
def test_prefect_sends_no_usage_data(module: str) -> None:
    program = (
        f"import {module}\nfrom prefect._internal.analytics import is_telemetry_enabled\nprint(is_telemetry_enabled())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"


def _wait_for_lines(runs: Runs, run_id: str, number: int) -> None:
    end = time.monotonic() + 20
    while len(runs.log(run_id).new_lines()) < number:
        assert time.monotonic() < end
        time.sleep(0.2)
