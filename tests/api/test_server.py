"""api/server.py: the API is open to this host alone, unless it asks for a token or is told otherwise."""

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from api.server import _listening, refuse_open, refuse_unusable
from api.uvicorn_options import options_of
from config.api import Api, Tokens
from config.settings import read_settings
from errors import BadInput

TOKENS = Tokens.model_validate({"jwks_url": "https://keycloak/certs", "issuer": "i", "audience": "a"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_host_no_token_is_needed(host: str) -> None:
    refuse_open(host, Api(), Tokens())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "api.example.com"])
def test_elsewhere_one_is_needed(host: str) -> None:
    with pytest.raises(BadInput, match=rf"would listen on {host} without a token.*IMS_API_TOKEN"):
        refuse_open(host, Api(), Tokens())
    refuse_open(host, Api(token=SecretStr("x")), Tokens())
    refuse_open(host, Api(open=True), Tokens())
    refuse_open(host, Api(), TOKENS)


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


def test_settings_that_no_request_could_be_served_by_are_refused_at_the_start(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    for chosen, tokens in (
        (Api(tls_certificate=missing, tls_key=missing), Tokens()),
        (Api(), TOKENS.model_copy(update={"ca_file": missing})),
    ):
        with pytest.raises(BadInput, match=f"{missing} cannot be read"):
            refuse_unusable(chosen, tokens)
    refuse_unusable(Api(), TOKENS)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("IMS_API_JWT_ISSUER", "i", r"IMS_API_JWT_\*: .*without IMS_API_JWT_JWKS_URL and IMS_API_JWT_AUDIENCE"),
        ("IMS_API_JWT_ALGORITHMS", "RS256,none", r"IMS_API_JWT_ALGORITHMS: write some of RS256"),
        ("IMS_API_JWT_ALGORITHMS", "HS256", r"IMS_API_JWT_ALGORITHMS: write some of RS256"),
        ("IMS_API_JWT_ALGORITHMS", " ,", r"IMS_API_JWT_ALGORITHMS: write some of RS256"),
        ("IMS_API_TLS_KEY", "/k", r"IMS_API_\*: .*set IMS_API_TLS_CERTIFICATE and IMS_API_TLS_KEY"),
        ("IMS_API_OPEN_ROLE", "all", r"IMS_API_OPEN_ROLE: .*'read', 'write' or 'purge'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=words):
        read_settings()
