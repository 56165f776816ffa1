"""What the REST API answers, as errors of ours."""

from pathlib import Path

import httpx
import pytest
from pydantic import AnyHttpUrl, SecretStr

from cli.api_client import ApiClient, base_of
from config.api import Api
from config.api import ApiClient as Chosen
from config.settings import Settings
from errors import BadInput, Broken, Conflict, Denied, ImsError, NotFound, Unreachable


def answering(answer: httpx.Response) -> ApiClient:
    return ApiClient("http://ims", httpx.Client(transport=httpx.MockTransport(lambda _: answer)))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, BadInput), (401, Denied), (403, Denied), (404, NotFound), (409, Conflict), (412, Conflict)),
        *((413, BadInput), (422, BadInput), (500, Broken), (502, Unreachable), (503, Unreachable)),
    ],
)
def test_a_problem_is_an_error_with_its_resolution(status: int, kind: type[ImsError]) -> None:
    client = answering(httpx.Response(status, json={"detail": "it is so; do this"}))
    with pytest.raises(kind) as raised:
        client.call("GET", "images")
    if kind is not Denied:
        assert (raised.value.message, raised.value.resolution) == ("it is so", "do this")
    else:
        assert "IMS_API_TOKEN" in raised.value.resolution


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(404, text="<html>")])
def test_what_is_not_the_api_is_said_to_be_none(answer: httpx.Response) -> None:
    with pytest.raises((Broken, NotFound), match=r"not the REST API|not as the REST API does"):
        answering(answer).call("GET", "images")


def test_a_server_that_is_gone_is_named() -> None:
    with pytest.raises(Unreachable, match=r"the REST API http://127\.0\.0\.1:9/apis/ims does not answer"):
        ApiClient("http://127.0.0.1:9", httpx.Client(trust_env=False)).call("GET", "images")


@pytest.mark.parametrize("path", ["", "/", "/apis/ims", "/apis/ims/", "/apis/ims/v3", "/v3/"])
def test_an_address_is_taken_as_users_write_it(path: str) -> None:
    assert base_of(f"https://api.site{path}") == "https://api.site/apis/ims"


def test_the_token_is_that_of_the_variable_or_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    chosen = Chosen(url=AnyHttpUrl("http://ims"), token_file=file)
    for token, sent in (("", "Bearer from-file"), ("mine", "Bearer mine")):
        client = ApiClient.of(Settings(client=chosen, api=Api(token=SecretStr(token))))
        assert client._http.headers["Authorization"] == sent
    with pytest.raises(BadInput, match=r"IMS_API_TOKEN_FILE .*/none cannot be read"):
        ApiClient.of(Settings(client=Chosen(url=AnyHttpUrl("http://ims"), token_file=tmp_path / "none")))
