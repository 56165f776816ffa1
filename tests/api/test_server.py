"""api/server.py: the API is open to this host alone, unless it asks for a token or is told otherwise."""

import socket
import threading
import time

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from api.server import _listening, options_of, refuse_open
from config.api import Api
from errors import BadInput


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_host_no_token_is_needed(host: str) -> None:
    refuse_open(host, Api())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "api.example.com"])
def test_elsewhere_one_is_needed(host: str) -> None:
    with pytest.raises(BadInput, match=rf"would listen on {host} without a token.*IMS_API_TOKEN"):
        refuse_open(host, Api())
    refuse_open(host, Api(token=SecretStr("x")))
    refuse_open(host, Api(open=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_no_answer_waits_for_an_acknowledgement(host: str) -> None:
    with _listening(host, 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_more_connections_than_the_limit_are_answered_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        options = options_of(Api(connections=2)) | {"log_config": None}
        server = uvicorn.Server(uvicorn.Config("api.app:application", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        address = listening.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            end = time.monotonic() + 60
            while len(server.server_state.connections) < 2 and time.monotonic() < end:
                time.sleep(0.05)
            answer = httpx.get(f"http://127.0.0.1:{address[1]}/v3/healthz/live", trust_env=False)
        server.should_exit = True
        thread.join(30)
    assert answer.status_code == 503
