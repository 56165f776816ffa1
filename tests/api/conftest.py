"""The API over HTTP: one server of the test process, which reads and writes each test's own buckets."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from prefect.client.orchestration import SyncPrefectClient

from api.app import application
from config.settings import settings
from storage.records.catalogue import Catalogue
from tests.api.documented import assert_documented
from tests.tasks.conftest import own_catalogue, through

__all__ = ["own_catalogue", "through"]


@pytest.fixture(scope="session")
def api_address() -> Iterator[str]:
    """The address of an API server in a thread of this process: it reaches servers in memory, too."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application(), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def connection(api_address: str) -> Iterator[httpx.Client]:
    """A client of that server; each answer must be one that the OpenAPI document has."""
    hooks = {"response": [assert_documented]}
    with httpx.Client(base_url=api_address, trust_env=False, timeout=60, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def api(connection: httpx.Client, own_catalogue: Catalogue) -> httpx.Client:
    """A client of the server, which works on this test's catalogue."""
    return connection


@pytest.fixture
def deleting(api: httpx.Client, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """A client of the server, which has a Prefect server for its flow runs."""
    monkeypatch.setenv("IMS_PREFECT_API_URL", prefect_api)
    monkeypatch.setenv("IMS_TASK_RETRIES", "0")
    settings.cache_clear()
    return api


@pytest.fixture
def starting(deleting: httpx.Client, prefect_api: str) -> httpx.Client:
    """A client of the server, whose Prefect server has the deployments of jobs, and no worker."""
    with SyncPrefectClient(prefect_api) as client:
        for name in ("create-image", "customize-image"):
            client.create_deployment(client.create_flow_from_name(name), name)
    return deleting
