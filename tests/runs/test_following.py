"""runs/following.py: a run is followed to its end, also while its server is started again."""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.states import Completed, Running, Scheduled
from prefect.types._datetime import now

from cli import prefect_services
from cli.child import Child
from cli.data_folder import Endpoints
from errors import NotFound
from runs import following
from runs.client import Runs, connected
from runs.following import Progress, progress_of
from storage.models.records import new_id


@flow(name="followed")
def followed() -> None:
    """What the runs are runs of; none of them is started."""


@pytest.fixture
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(prefect_api) as found:
        yield found


def start(client: SyncPrefectClient) -> str:
    return str(client.create_flow_run(followed, state=Running()).id)


def log(client: SyncPrefectClient, run_id: str, text: str) -> None:
    line = LogCreate(name="tasks.x", level=logging.INFO, message=text, timestamp=now("UTC"), flow_run_id=UUID(run_id))
    client.create_logs([line])


def test_a_run_is_followed_to_its_end_and_to_the_end_of_its_log(runs: Runs, client: SyncPrefectClient) -> None:
    run_id = start(client)
    progress = progress_of(runs, lambda: run_id)
    assert next(progress).run.state.is_running
    log(client, run_id, "first")
    client.set_flow_run_state(UUID(run_id), Completed(), force=True)
    ended = next(each for each in progress if each.run.state.is_final)
    log(client, run_id, "last")
    [rest] = list(progress)
    assert [line.text for line in ended.lines + rest.lines] == ["first", "last"]
    assert rest.run.state.is_completed


def test_a_job_that_another_run_takes_over_is_followed_there(runs: Runs, client: SyncPrefectClient) -> None:
    ids = [start(client), start(client)]
    for run_id in ids:
        log(client, run_id, f"of {run_id}")
    followed_ids = iter([ids[0], ids[1], ids[0], ids[1]])
    seen = list(islice(progress_of(runs, lambda: next(followed_ids)), 4))
    assert [each.run.id for each in seen] == [ids[0], ids[1], ids[0], ids[1]]
    texts = [line.text for each in seen for line in each.lines]
    assert sorted(texts) == sorted(f"of {run_id}" for run_id in ids)


def test_a_run_that_no_worker_takes_is_overdue(
    runs: Runs, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 1.5)
    run_id = str(client.create_flow_run(followed, state=Scheduled()).id)
    first, *_, later = islice(progress_of(runs, lambda: run_id), 3)
    assert (first.is_overdue, later.is_overdue) == (False, True)
    client.set_flow_run_state(UUID(run_id), Running(), force=True)
    assert not next(progress_of(runs, lambda: run_id)).is_overdue


def test_a_run_that_the_server_does_not_know_is_not_found(runs: Runs) -> None:
    unknown = new_id()
    with pytest.raises(NotFound, match=unknown):
        next(progress_of(runs, lambda: unknown))


@pytest.mark.slow
def test_a_run_is_followed_while_its_server_is_started_again(tmp_path: Path) -> None:
    """The server is away for some seconds, and for longer than one poll."""
    server = server_in(tmp_path)
    server.start()
    try:
        prefect_services.await_server(server)
        with SyncPrefectClient(server.env["PREFECT_API_URL"]) as client:
            run_id = start(client)
        with connected(server.env["PREFECT_API_URL"]) as runs:
            progress = progress_of(runs, lambda: run_id)
            assert next(progress).run.state.is_running
            server.stop(timedelta(seconds=10))
            server = server_in(tmp_path, server.env["PREFECT_API_URL"])
            away = Thread(target=start_later, args=(server, 3))
            away.start()
            began = time.monotonic()
            assert next(progress).run.state.is_running
            assert time.monotonic() - began > 3
            away.join()
            with SyncPrefectClient(server.env["PREFECT_API_URL"]) as client:
                client.set_flow_run_state(UUID(run_id), Completed(), force=True)
            assert last(progress).run.state.is_completed
    finally:
        server.stop(timedelta(seconds=10))


def server_in(folder: Path, address: str = "") -> Child:
    address = address or prefect_services.api_url(prefect_services.prefect_port(0))
    none = Endpoints(s3_endpoint_url="http://127.0.0.1:9", s3_access_key="", s3_secret_key="", prefect_api_url=address)
    env = prefect_services.environment(folder, none) | {"PREFECT_SERVER_UI_ENABLED": "false"}
    return prefect_services.server(env, folder)


def start_later(server: Child, seconds: float) -> None:
    time.sleep(seconds)
    server.start()


def last(progress: Iterator[Progress]) -> Progress:
    *_, found = progress
    return found
