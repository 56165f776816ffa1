"""api/identity.py: where a token is set, only who shows it is served."""

import httpx
import pytest

from config.settings import settings
from tests.api.stored import assert_problem
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory


@pytest.fixture
def token(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token that is asked for."""
    monkeypatch.setenv("IMS_API_TOKEN", "s3cret")
    settings.cache_clear()
    return "s3cret"


@pytest.mark.parametrize("shown", [None, "", "s3cret", "Bearer", "Bearer s3cre", "Basic s3cret", "Bearer é"])
def test_who_does_not_show_it_is_refused(api: httpx.Client, token: str, shown: str | None) -> None:
    headers = {} if shown is None else {b"Authorization": shown.encode()}
    answer = api.get("/v3/images", headers=headers)
    assert_problem(answer, 401, "token")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert_problem(api.get("/openapi.json", headers=headers), 401)


def test_who_shows_it_is_served(api: httpx.Client, token: str) -> None:
    for scheme in ("Bearer", "bearer"):
        assert api.get("/v3/images", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_probes_show_none(api: httpx.Client, token: str) -> None:
    assert api.get("/apis/ims/v3/healthz/live").status_code == 200
