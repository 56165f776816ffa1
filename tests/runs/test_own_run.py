"""runs/own_run.py: the run that this process works on. How it is ended when cancelled: tests/flows/test_orders.py."""

from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Running

from errors import Unreachable
from runs.own_run import is_alive, is_cancelled, own_run_id, read_state
from storage.models.records import new_id


@flow(name="own")
def own() -> tuple[str, bool, bool]:
    return own_run_id(), is_alive(own_run_id()), is_cancelled()


def test_within_a_flow_it_is_that_flows_run(prefect_api: str) -> None:
    run_id, alive, cancelled = own()
    assert (alive, cancelled) == (True, False)
    assert read_state(run_id).is_completed
    assert not is_alive(run_id)


def test_a_cancelled_run_is_cancelled_and_has_ended(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SyncPrefectClient(prefect_api) as client:
        run_id = str(client.create_flow_run(own, state=Running()).id)
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run_id)
        assert (own_run_id(), is_cancelled()) == (run_id, False)
        client.set_flow_run_state(UUID(run_id), Cancelled(), force=True)
    assert is_cancelled()
    assert not is_alive(run_id)


def test_outside_of_a_flow_each_has_a_fresh_id() -> None:
    assert own_run_id() != own_run_id()
    assert not is_cancelled()


def test_without_an_answer_no_run_is_taken_for_ended() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(Unreachable):
        is_alive(new_id())
