"""cli/servers/api_process.py: the API listens where the settings say, or on a free port."""

import socket
from pathlib import Path

import pytest

from cli.servers.api_process import listening, url
from config.api import Api
from errors import Conflict


def test_a_port_that_is_taken_is_left_to_its_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        chosen = Api(port=port)
        with listening(chosen) as listener:
            assert listener.getsockname()[1] != port
            assert url(chosen, listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/apis/ims"
    with listening(chosen) as listener:
        assert url(chosen, listener) == f"http://127.0.0.1:{port}/apis/ims"


def test_a_server_on_all_addresses_is_reached_on_this_hosts() -> None:
    chosen = Api(host="0.0.0.0", port=0)
    with listening(chosen) as listener:
        assert url(chosen, listener).startswith("http://127.0.0.1:")
        with_tls = Api(tls_certificate=Path("c"), tls_key=Path("k"))
        assert url(with_tls, listener).startswith("https://127.0.0.1:")


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(Conflict, match=r"cannot listen on 192\.0\.2\.1.*IMS_API_HOST"):
        listening(Api(host="192.0.2.1", port=0))
