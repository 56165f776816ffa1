"""api/health.py: the probes say what is so."""

from importlib.metadata import version

import httpx
import pytest

from config.settings import settings
from tests.api.stored import assert_problem
from tests.faults import Fault, Faults
from tests.http_server import Answer, HttpServer, serving
from tests.memory_s3.fixtures import in_memory

pytestmark = in_memory


def test_it_lives_and_has_a_version(api: httpx.Client) -> None:
    for prefix in ("/apis/ims/v3", "/v2", ""):
        assert api.get(f"{prefix}/healthz/live").status_code == 200
        assert api.get(f"{prefix}/version").json() == {"version": version("image-management-flows")}


@pytest.mark.parametrize("status", [200, 503])
def test_it_is_ready_when_prefect_is(api: httpx.Client, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with serving(HttpServer(lambda _: Answer(status))) as prefect:
        monkeypatch.setenv("IMS_PREFECT_API_URL", f"{prefect.url}/api")
        settings.cache_clear()
        assert api.get("/v3/healthz/ready").status_code == status
        assert [request.path for request in prefect.asked] == ["/api/health"]


def test_it_is_not_ready_without_s3(through: Faults, api: httpx.Client) -> None:
    through.plan(Fault.ANSWER_503)
    answer = api.get("/v3/healthz/ready")
    assert_problem(answer, 503, "S3")
    assert answer.headers["retry-after"]
