"""api/open_listener.py: clients of the second listener show no token, may do what the setting says, and speak HTTP."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from api.app import application
from api.open_listener import refuse_taken
from api.server import refuse_open
from api.uvicorn_options import options_of, tls_options_of
from config.api import Api, Tokens
from config.settings import settings
from errors import BadInput, Conflict
from storage.records.catalogue import Catalogue
from tests.api.certificates import Certificate
from tests.api.stored import assert_problem
from tests.memory_s3.fixtures import in_memory


@dataclass
class Listeners:
    """A client of each listener of one server."""

    first: httpx.Client
    second: httpx.Client


@pytest.fixture
def listeners(
    own_catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listeners]:
    """A server that speaks TLS and asks for a token, and whose second listener does neither."""
    certificate = Certificate(tmp_path_factory.mktemp("tls"))
    port = free_port()
    for name, value in (
        ("TOKEN", "s3cret"),
        ("TLS_CERTIFICATE", certificate.file),
        ("TLS_KEY", certificate.key_file),
        ("OPEN_PORT", port),
    ):
        monkeypatch.setenv(f"IMS_API_{name}", str(value))
    settings.cache_clear()
    chosen = settings().api
    options = options_of(chosen) | tls_options_of(chosen) | {"factory": False, "log_config": None}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application(), **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + 60
        while not server.started and time.monotonic() < end:
            time.sleep(0.02)
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with (
            httpx.Client(base_url=address, verify=certificate.client_context(), trust_env=False) as first,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as second,
        ):
            try:
                yield Listeners(first, second)
            finally:
                server.should_exit = True
                # Clients that keep their connections, and do not answer the end of TLS, hold up no stop.
                thread.join(15)
    assert not thread.is_alive()
    # Nothing listens there any more.
    refuse_taken(Api(open_port=port))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@in_memory
def test_the_second_listener_alone_asks_for_no_token(listeners: Listeners) -> None:
    assert_problem(listeners.first.get("/v3/images"), 401, "no token")
    token = {"Authorization": "Bearer s3cret"}
    assert listeners.first.get("/v3/images", headers=token).status_code == 200
    assert listeners.second.get("/v3/images").status_code == 200
    # Nothing that a client sends makes one listener the other.
    told = {"Host": listeners.second.base_url.netloc.decode(), "ims.asks-no-token": "true"}
    assert_problem(listeners.first.get("/v3/images", headers=told), 401)
    # By default its clients may change, and remove nothing for good.
    node = {"xname": "x3000c0s1b0n0"}
    assert listeners.second.post("/remote-build-nodes", json=node).status_code == 201
    assert_problem(listeners.second.delete("/v3/deleted/images"), 403, "purge", "address that takes tokens")


def test_it_is_off_by_default() -> None:
    assert Api().open_port == 0
    refuse_taken(Api())


def test_its_address_may_not_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            Conflict, match=rf"cannot use 127\.0\.0\.1, port {port}: Address already in use; .*IMS_API_OPEN_PORT"
        ):
            refuse_taken(Api(open_port=port))


def test_it_opens_the_first_one_to_nobody() -> None:
    with pytest.raises(BadInput, match="without a token"):
        refuse_open("0.0.0.0", Api(open_port=8086), Tokens())
