"""api/bodies.py: a body is limited, and one that is cut off or broken changes nothing."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from config.settings import settings
from storage.records.catalogue import Catalogue
from tests.api.stored import assert_problem
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def limit(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> int:
    """The limit on bodies."""
    monkeypatch.setenv("IMS_API_BODY_BYTES", "1024")
    settings.cache_clear()
    return 1024


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_large_body_is_refused(api: httpx.Client, limit: int, own_catalogue: Catalogue, chunked: bool) -> None:
    def sent(size: int) -> httpx.Response:
        body = b'{"name":"a"}'.ljust(size)
        content = iter([body[:700], body[700:]]) if chunked else body
        return api.post("/v3/images", headers=JSON, content=content)

    assert sent(limit).status_code == 201
    answer = sent(limit + 1)
    assert_problem(answer, 413, f"more than {limit} bytes")
    assert len(own_catalogue.images.list(None)) == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"{", b'{"name":"a","name":"b"}', b"[" * 100], ids=repr)
def test_what_is_no_json_is_refused(api: httpx.Client, own_catalogue: Catalogue, body: bytes) -> None:
    for path in ("/apis/ims/images", "/v3/recipes", "/v3/public-keys"):
        assert_problem(api.post(path, headers=JSON, content=body), 400)
    assert_problem(api.patch("/v3/images/x", headers=JSON, content=body), 400)
    assert own_catalogue.images.list(None) == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1", b"[1]"], ids=repr)
def test_what_is_no_object_is_refused(api: httpx.Client, body: bytes) -> None:
    assert_problem(api.post("/v3/images", headers=JSON, content=body), 422)


def test_a_body_that_another_site_can_have_a_browser_send_is_refused(api: httpx.Client) -> None:
    assert_problem(api.post("/v3/images", headers={"Content-Type": "text/plain"}, content=b'{"name":"a"}'), 422)


def test_a_body_that_is_cut_off_changes_nothing(api: httpx.Client, own_catalogue: Catalogue) -> None:
    address = urlsplit(str(api.base_url))
    with socket.create_connection((str(address.hostname), address.port or 0)) as raw:
        head = b"POST /v3/images HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        raw.sendall(head + b'{"name":"a"}')
    assert api.get("/v3/images").json() == []
