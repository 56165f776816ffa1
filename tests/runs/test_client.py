"""runs/client.py, on the Prefect server of a running `ims up`."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate

from errors import BadInput, NotFound
from flows.deployments import CREATE_IMAGE, CUSTOMIZE_IMAGE
from runs.client import Runs, connected
from runs.run import RunState
from runs.work_pool import WORK_POOL
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
    for run in runs.pool.active_runs():
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
