"""runs/following.py: a run is followed to its end, also while its server does not answer."""

import logging
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread, Timer
from typing import Self
from uuid import UUID

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed, Running, Scheduled
from prefect.types._datetime import now

from errors import NotFound, Unreachable
from runs import following
from runs.client import Runs, connected
from runs.following import progress_of
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


def test_a_run_is_followed_while_its_server_is_away(client: SyncPrefectClient, prefect_api: str) -> None:
    """As it is when it is started again. Prefect's client tries no call again here: the follower does."""
    run_id = start(client)
    with (
        Forwarder(prefect_api) as server,
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        connected(server.api_url) as runs,
    ):
        progress = progress_of(runs, lambda: run_id)
        assert next(progress).run.state.is_running
        server.is_away = True
        Timer(3, lambda: setattr(server, "is_away", False)).start()
        log(client, run_id, "meanwhile")
        began = time.monotonic()
        assert [line.text for line in next(progress).lines] == ["meanwhile"]
        assert time.monotonic() - began >= 3
        client.set_flow_run_state(UUID(run_id), Completed(), force=True)
        *_, ended = progress
        assert ended.run.state.is_completed


def test_a_server_that_stays_away_is_unreachable(
    client: SyncPrefectClient, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SILENCE_SECONDS", 1.0)
    run_id = start(client)
    with (
        Forwarder(prefect_api) as server,
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        connected(server.api_url) as runs,
    ):
        progress = progress_of(runs, lambda: run_id)
        next(progress)
        server.is_away = True
        with pytest.raises(Unreachable, match=server.api_url):
            next(progress)


class Forwarder:
    """Passes connections on to a server, or closes them while that is away.

    Args:
        api_url: The API of the Prefect server.
    """

    def __init__(self, api_url: str) -> None:
        target = httpx.URL(api_url)
        self.is_away = False
        forwarder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if forwarder.is_away:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = httpx.request(
                    self.command, target.copy_with(raw_path=self.path.encode()), content=body, trust_env=False
                )
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_GET  # noqa: N815 - the base class's name

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api_url = f"http://127.0.0.1:{self._server.server_address[1]}/api"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
