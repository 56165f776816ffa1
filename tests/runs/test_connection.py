"""runs/connection.py: a server is called without a proxy where it is on this host; its errors are ours."""

import subprocess
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL

from errors import BadInput, ImsError, Unreachable
from runs.client import connected
from runs.connection import address_of
from runs.connection import connected as client_of
from tests.cli.conftest import clean_environment

GONE = "http://127.0.0.1:9/api"


def test_a_server_that_is_gone_is_unreachable() -> None:
    with connected(GONE) as gone, pytest.raises(Unreachable, match=r"127\.0\.0\.1:9") as raised:
        gone.read_run(str(uuid4()))
    assert "PREFECT_API_URL" in raised.value.resolution


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(HTTPStatus.INTERNAL_SERVER_ERROR, Unreachable), (HTTPStatus.UNPROCESSABLE_ENTITY, BadInput)],
    ids=["a server's error", "a refusal"],
)
def test_an_error_that_the_server_answers_is_ours(answer: HTTPStatus, kind: type[ImsError]) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer)
            self.end_headers()
            self.wfile.write(b"why")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/api"
        with connected(address) as runs, pytest.raises(kind, match=f"{answer.value}: why"):
            runs.read_run(str(uuid4()))
        server.shutdown()


def test_a_proxy_that_the_environment_names_is_not_used_on_this_host(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with connected(prefect_api) as runs:
        assert not runs.read_state(str(uuid4())).is_known


def test_without_an_address_prefects_own_settings_hold(prefect_api: str) -> None:
    with client_of("") as client:
        assert address_of(client) == prefect_api
    with client_of(GONE) as client:
        assert address_of(client) == PREFECT_API_URL.value() == GONE
    assert PREFECT_API_URL.value() == prefect_api


@pytest.mark.parametrize("module", ["runs.client", "flows.create_image"])
def test_prefect_sends_no_usage_data(module: str) -> None:
    program = (
        f"import {module}\nfrom prefect._internal.analytics import is_telemetry_enabled\nprint(is_telemetry_enabled())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"
