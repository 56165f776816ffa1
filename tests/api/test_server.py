"""api/server.py: the API is open to this host alone, unless it asks for a token or is told otherwise."""

import pytest
from pydantic import SecretStr

from api.server import refuse_open
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
