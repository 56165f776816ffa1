"""What the tests of tasks share: settings of the environment that name the tests' S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from config.settings import Settings, settings
from storage.records.catalogue import Catalogue, catalogue
from storage.s3.objects import ObjectStore
from tasks.pods import runtime
from tests.faults import Faults
from tests.s3_server import S3Server
from tests.tasks.builds import Build, job
from tests.tasks.deleting import forget
from tests.tasks.scene import Scene


@pytest.fixture
def own_catalogue(
    store: ObjectStore, s3_settings: Settings, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Catalogue]:
    """The catalogue that tasks find, in buckets of this test's."""
    environment = {
        **s3_server.environment,
        "IMS_BUCKET": s3_settings.bucket,
        "IMS_BOOT_IMAGES_BUCKET": s3_settings.boot_images_bucket,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()
    yield catalogue()
    forget()


@pytest.fixture
def on_cluster(
    own_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[pytest.MonkeyPatch]:
    """Settings that run pods on the fake cluster; more can be set, before the first step."""
    monkeypatch.setenv("IMS_POD_RUNTIME", "kubernetes")
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    runtime.cache_clear()
    yield monkeypatch
    runtime.cache_clear()


@pytest.fixture
def through(proxy: Faults, own_catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """The proxy, which the tasks' calls go through, each tried once."""
    monkeypatch.setenv("IMS_S3_ENDPOINT_URL", proxy.endpoint_url)
    monkeypatch.setenv("IMS_S3_ATTEMPTS", "1")
    forget()
    return proxy


@pytest.fixture
def scene(own_catalogue: Catalogue, store: ObjectStore, s3_settings: Settings, prefect_api: str) -> Iterator[Scene]:
    """A scene on the catalogue that tasks find, with a Prefect server that knows its flow runs."""
    with SyncPrefectClient(prefect_api) as client:
        yield Scene(store, s3_settings, own_catalogue, client)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of a host where no Podman is asked."""
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IMS_POD_RUNTIME", "kubernetes")
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture
def build(offline: pytest.MonkeyPatch) -> Build:
    return Build(offline, job())
