"""The Prefect server of `ims up`: another one that answers in its place is left alone."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.servers.child import Child
from cli.servers.prefect_processes import api_url, await_server, is_of_ims_up, worker_name
from errors import Broken, Conflict
from tests.http_server import Answer, HttpServer, Request, serving


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a Prefect server with its data in a folder of its own."""
    other = HttpServer(lambda _: Answer(body=json.dumps({"home": "/elsewhere"}).encode()))
    with serving(other):
        yield api_url(other.server_port)


def server(program: str, address: str, home: Path) -> Child:
    """Return a server that runs a program."""
    env = {**os.environ, "PREFECT_API_URL": address, "PREFECT_HOME": str(home)}
    return Child("the Prefect server", [sys.executable, "-c", program], env=env, log=home / "server.log")


def test_a_server_that_answers_from_its_own_folder_is_ready(address: str, tmp_path: Path) -> None:
    child = server("import time; time.sleep(60)", address, tmp_path)
    child.env["PREFECT_HOME"] = "/elsewhere"
    child.start()
    await_server(child)
    child.kill()


def test_a_server_that_answers_in_its_place_is_none_of_ours(address: str, tmp_path: Path) -> None:
    child = server("import time; time.sleep(60)", address, tmp_path)
    child.start()
    with pytest.raises(Conflict, match=r"port \d+ was taken by another program while"):
        await_server(child)
    child.kill()


def test_a_busy_server_that_leaves_a_request_unanswered_still_is_ours(tmp_path: Path) -> None:
    unanswered = iter([True])

    def answer(request: Request) -> Answer:
        if request.path.endswith("/settings") and next(unanswered, False):
            raise ConnectionAbortedError
        return Answer(body=json.dumps({"home": str(tmp_path)}).encode())

    with serving(HttpServer(answer)) as busy:
        child = server("import time; time.sleep(60)", api_url(busy.server_port), tmp_path)
        child.start()
        await_server(child)
        child.kill()
        assert [request.path for request in busy.asked].count("/api/admin/settings") == 2


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Port 4200 is already in use. Please specify a different port", Conflict),
        ("[Errno 98] error while attempting to bind on address: address already in use", Conflict),
        ("no", Broken),
    ],
    ids=["a port that Prefect finds taken", "a port that uvicorn finds taken", "anything else"],
)
def test_a_server_that_ends_at_its_start(tmp_path: Path, said: str, error: type[Exception]) -> None:
    child = server(f"raise SystemExit({said!r})", "http://127.0.0.1:9/api", tmp_path)
    child.start()
    with pytest.raises(error):
        await_server(child)


def test_ims_up_leaves_runs_of_other_workers_alone() -> None:
    """Those of an `ims worker` that was started beside it; a run that no worker has yet is its own."""
    assert is_of_ims_up(worker_name())
    assert is_of_ims_up("")
    assert not is_of_ims_up("ims-worker")
