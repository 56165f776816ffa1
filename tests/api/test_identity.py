"""api/identity.py: where tokens are asked for, only who shows one that counts is served, and only what they may."""

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from config.settings import settings
from tests.api.issuer import Issuer
from tests.api.stored import assert_problem
from tests.http_server import Answer, HttpServer, serving
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory

CHALLENGE = 'Bearer realm="ims"'


@pytest.fixture
def token(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token that is asked for."""
    monkeypatch.setenv("IMS_API_TOKEN", "s3cret")
    settings.cache_clear()
    return "s3cret"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def jwks(issuer: Issuer) -> Iterator[HttpServer]:
    """The server of the issuer's keys."""
    with serving(HttpServer(lambda _: Answer(body=json.dumps(issuer.jwks).encode()))) as server:
        yield server


@pytest.fixture
def guarded(api: httpx.Client, issuer: Issuer, jwks: HttpServer, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """A client of an API that takes tokens of the issuer."""
    for name, value in issuer.settings(f"{jwks.url}/certs").items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return api


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("shown", [None, "", "s3cret", "Bearer", "Basic s3cret"])
def test_who_shows_no_token_is_told_so(api: httpx.Client, token: str, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    answer = api.get("/v3/images", headers=headers)
    assert_problem(answer, 401, "no token")
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert_problem(api.get("/openapi.json", headers=headers), 401)


@pytest.mark.parametrize("shown", ["Bearer s3cre", "Bearer é", "Bearer s3crets"])
def test_a_wrong_token_is_refused(api: httpx.Client, token: str, shown: str) -> None:
    answer = api.get("/v3/images", headers={b"Authorization": shown.encode()})
    assert_problem(answer, 401, "wrong token")
    assert answer.headers["www-authenticate"].startswith(f'{CHALLENGE}, error="invalid_token"')


def test_who_shows_it_is_served(api: httpx.Client, token: str) -> None:
    for scheme in ("Bearer", "bearer"):
        assert api.get("/v3/images", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_probes_show_none(api: httpx.Client, token: str) -> None:
    assert api.get("/apis/ims/v3/healthz/live").status_code == 200


def test_a_token_of_the_issuer_is_served_and_any_other_is_refused(
    guarded: httpx.Client, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "api.access_log"):
        assert guarded.get("/v3/images", headers=bearer(issuer.token("ims-read"))).status_code == 200
        expired = bearer(issuer.token("ims-read", expires_in=timedelta(hours=-1)))
        answer = guarded.get("/v3/images", headers=expired)
    assert_problem(answer, 401, "expired")
    refused = f'{CHALLENGE}, error="invalid_token", error_description="the token is refused: it has expired"'
    assert answer.headers["www-authenticate"] == refused
    # The line of the second request may still be missing.
    first = next(each for each in caplog.records if each.name == "api.access_log")
    assert json.loads(first.getMessage())["caller"] == "me"


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v3/images", "read"),
        ("GET", "/metrics", "read"),
        ("POST", "/v3/public-keys", "write"),
        ("DELETE", "/v3/images/x", "write"),
        ("DELETE", "/jobs/x", "write"),
        ("DELETE", "/v3/deleted/images/x", "purge"),
        ("DELETE", "/images/x", "purge"),
    ],
)
def test_a_role_is_asked_for(guarded: httpx.Client, issuer: Issuer, method: str, path: str, needed: str) -> None:
    roles = ["none", "read", "write", "purge"]
    at = roles.index(needed)
    answer = guarded.request(method, path, headers=bearer(issuer.token(f"ims-{roles[at - 1]}")))
    assert_problem(answer, 403, f"needs the right to {needed}", f"has: {roles[at - 1]}")
    assert answer.headers["www-authenticate"].startswith(f'{CHALLENGE}, error="insufficient_scope"')
    assert guarded.request(method, path, headers=bearer(issuer.token(f"ims-{needed}"))).status_code in {
        200,
        404,
        422,
        400,
    }


def test_a_static_token_counts_beside_those_of_an_issuer(
    guarded: httpx.Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMS_API_TOKEN", "s3cret")
    settings.cache_clear()
    for token in ("s3cret", issuer.token("ims-read")):
        assert guarded.get("/v3/images", headers=bearer(token)).status_code == 200


def test_nobody_knows_without_the_keys(guarded: httpx.Client, issuer: Issuer, jwks: HttpServer) -> None:
    jwks.answer = lambda _: Answer(503)
    answer = guarded.get("/v3/images", headers=bearer(issuer.token("ims-read")))
    assert_problem(answer, 503, "tokens cannot be checked", "/certs")
    assert answer.headers["retry-after"]
    assert "www-authenticate" not in answer.headers
