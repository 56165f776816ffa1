"""cli/runs.py: how a run ends that a command waits for, on the worker of a running `ims up`."""

from collections.abc import Callable, Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from cli.failures import report
from cli.runs import run_to_its_end
from errors import ImsError
from runs.work_pool import WORK_POOL
from tests.cli.failing_flow import failing
from tests.cli.running import Up
from tests.repository import REPOSITORY

Ended = tuple[int, str]


@pytest.fixture
def ending(up: Up, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], Ended]]:
    """Run the flow by its worker, and return the exit code and what stands on stderr."""
    address = up.endpoints.prefect_api_url
    with SyncPrefectClient(address) as client:
        deployment = client.create_deployment(
            client.create_flow(failing),
            "failing",
            entrypoint="tests.cli.failing_flow.failing",
            work_pool_name=WORK_POOL,
            job_variables={"env": {"PYTHONPATH": str(REPOSITORY)}},
        )

        def run(way: str) -> Ended:
            code = 0
            with temporary_settings({PREFECT_API_URL: address}):
                try:
                    run_to_its_end("failing/failing", {"way": way})
                except ImsError as error:
                    code = report(error)
            return code, capsys.readouterr().err

        yield run
        client.delete_deployment(deployment)


def test_a_run_that_succeeds_is_no_error(ending: Callable[[str], Ended]) -> None:
    assert ending("not at all") == (0, "")


def test_an_error_of_ours_is_the_commands(ending: Callable[[str], Ended]) -> None:
    assert ending("by our error") == (2, "Error: Not found: no such thing\n  → make one; then come back\n")


def test_any_other_error_is_a_failure_that_names_its_class_and_the_log(ending: Callable[[str], Ended], up: Up) -> None:
    code, told = ending("by a defect")
    assert code == 1
    first, second = told.splitlines()
    assert first == "Error: Run failed: KeyError: 'missing'"
    assert f"log at {up.endpoints.prefect_ui_url}/runs/flow-run/" in second
    assert "goes on" not in told


@pytest.mark.expects_log("exited with status code: -9")
def test_a_killed_process_is_an_interruption(ending: Callable[[str], Ended]) -> None:
    code, told = ending("by a kill")
    assert code == 1
    assert told.startswith("Error: Interrupted: the flow run ended as Crashed: ")
    assert "the same command continues where it stopped" in told
