"""Tests of tasks/web_connections.py, against real servers."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from errors import BadInput
from tasks.web_connections import web_client
from tests import http_server
from tests.http_server import HttpServer, Request


def client(*, private: bool = True, seconds: float = 5) -> httpx.Client:
    return web_client(ssl.create_default_context(), seconds=seconds, private=private)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    def answer(request: Request) -> http_server.Answer:
        _, mark, target = request.path.partition("/to?")
        return http_server.Answer(302, headers={"Location": target}) if mark else http_server.Answer(body=b"here")

    with http_server.serving(HttpServer(answer)) as running:
        yield running


def test_an_allowed_server_is_asked_by_its_name(server: HttpServer) -> None:
    answer = client().get(f"http://localhost:{server.server_port}/")
    assert answer.text == "here"
    assert server.asked[0].headers["host"] == f"localhost:{server.server_port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "u@127.0.0.1"])
def test_no_way_to_write_an_address_is_asked_when_it_is_not_allowed(server: HttpServer, host: str) -> None:
    with pytest.raises(BadInput, match="an address of the host itself") as caught:
        client(private=False).get(f"http://{host}:{server.server_port}/")
    assert "only with IMS_REPOSITORY_PRIVATE=true" in caught.value.message
    assert server.asked == []


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data/", "metadata service"),
        ("http://[::ffff:169.254.169.254]/", "metadata service"),
        ("http://2852039166/", "metadata service"),
        ("http://[fe80::1]/", "link-local"),
        ("http://0.0.0.0/", "unspecified"),
        ("http://224.0.0.1/", "multicast"),
    ],
)
def test_a_redirect_leads_to_no_address_that_is_not_allowed(server: HttpServer, target: str, kind: str) -> None:
    with pytest.raises(BadInput, match=f"{kind}.*: no repository is read from there, and no setting allows it"):
        client().get(f"{server.url}/to?{target}")


def test_redirects_end(server: HttpServer) -> None:
    with pytest.raises(httpx.TooManyRedirects):
        client().get(f"{server.url}/to?/to?/to?/to?/to?/to?/to?/to?/here")


def test_a_name_without_address_is_told() -> None:
    with pytest.raises(httpx.ConnectError, match=r"the name nowhere\.invalid has no address"):
        client().get("http://nowhere.invalid/")


def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_its_client() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                return

    threading.Thread(target=trickle, daemon=True).start()
    started = time.monotonic()
    with listening, pytest.raises(httpx.TimeoutException):
        client(seconds=0.3).get(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    assert time.monotonic() - started < 3
