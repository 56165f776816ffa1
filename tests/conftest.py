"""The S3 server of the tests: a real one, started once; every test gets buckets of its own.

The fixtures named in `__all__` serve all tests, too.
"""

import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from datetime import timedelta
from uuid import uuid4

import hypothesis
import pytest
from pydantic import AnyHttpUrl

from builder.image import NAMES, ensure_builder_image
from config.settings import Settings
from storage.s3.objects import ObjectStore
from tests.cli.running import Up, start
from tests.cli.zygote import end_zygote
from tests.distribution import tiny_distribution, tiny_repository
from tests.faults import Faults
from tests.https_site import https_site, rpm_site
from tests.kubernetes_api.fixtures import cluster
from tests.leftovers import note_temporary_folder
from tests.memory_s3.fixtures import MEMORY, InMemory, memory_faults, memory_server, stride, uses_memory
from tests.order import longest_first
from tests.repository import REPOSITORY
from tests.rpm_distribution import rpm_distribution
from tests.s3_proxy import FaultProxy
from tests.s3_server import S3Server, embedded_server, named_server, remove_bucket
from tests.server_logs import unexpected
from tests.signed_repository import signed_by_a, signed_by_b
from tests.tiny_image import tiny_rootfs

__all__ = [
    "cluster",
    "https_site",
    "rpm_distribution",
    "rpm_site",
    "signed_by_a",
    "signed_by_b",
    "stride",
    "tiny_distribution",
    "tiny_repository",
    "tiny_rootfs",
]

RUN_IMAGES_OF_THEIR_OWN = REPOSITORY / "tests" / "pods"


def pytest_configure() -> None:
    """Set what hypothesis does by default, and have two signals do what they do by default, in all that tests start.

    What a script starts with `&` has SIGINT ignored, what nohup starts SIGHUP, and both pass that on: a process that a
    test interrupts would not notice.
    """
    # A test that needs more examples says so. A busy host makes any of them slow.
    hypothesis.settings.register_profile("tests", max_examples=40, deadline=None)
    hypothesis.settings.load_profile("tests")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let no garbage be searched meanwhile: what is collected stays, and to search it took half of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    end_zygote()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs an S3 or a Prefect server, so that `-m` chooses; leave out what needs a cluster, and count it.

    Coverage is measured in the tests of the quick part, whichever run they are part of: it makes a test's own code take
    half as much time again before Python 3.12.
    """
    longest_first(items)
    for item in items:
        fixtures = getattr(item, "fixturenames", [])
        if item.get_closest_marker("containers") and not item.path.is_relative_to(RUN_IMAGES_OF_THEIR_OWN):
            fixtures.insert(0, "builder_images")
        if "s3_server" in fixtures and not uses_memory(item):
            item.add_marker(pytest.mark.s3)
        if {"prefect_api", "up"} & set(fixtures):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("containers") or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.no_cover)
    if "KUBECONFIG" in os.environ:
        return
    without = [item for item in items if item.get_closest_marker("cluster")]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]


@pytest.fixture(scope="session", autouse=True)
def _temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    note_temporary_folder(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session", autouse=True)
def _last_errors_of_servers() -> Iterator[None]:
    """Fail when the servers that tests share have logged an error at their end."""
    yield
    _fail_if_any(unexpected(()))


@pytest.fixture(autouse=True)
def _errors_of_servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail when a server has logged an error that the test does not expect."""
    yield
    _fail_if_any(unexpected(mark.args[0] for mark in request.node.iter_markers("expects_log")))


def _fail_if_any(errors: list[str]) -> None:
    if errors:
        pytest.fail("\n\n".join(errors), pytrace=False)


@pytest.fixture(scope="session")
def builder_images() -> None:
    """The builder images, made before the first test that runs one: the limits of tests are not for downloads."""
    for kiwi in NAMES:
        ensure_builder_image(kiwi)


@pytest.fixture(scope="session")
def real_s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The S3 server: the one that IMS_TEST_S3_… names, or the embedded one in a folder of the test session's."""
    if named := named_server():
        yield named
        return
    with embedded_server(tmp_path_factory.mktemp("s3") / "server") as server:
        yield server


@pytest.fixture
def s3_server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """The real S3 server, or one in memory for a test that asks for it (tests/memory_s3/fixtures.py)."""
    if getattr(request, "param", "") == MEMORY:
        with memory_server() as server:
            yield server
    else:
        yield request.getfixturevalue("real_s3_server")


SettingsFor = Callable[..., Settings]


@pytest.fixture
def settings_for(s3_server: S3Server) -> SettingsFor:
    """Make settings that reach the server by an address, with bucket names of this test's and little patience."""
    name = uuid4().hex[:12]

    def make(address: str, *, read_timeout: float = 20.0) -> Settings:
        s3 = s3_server.s3(
            endpoint_url=AnyHttpUrl(address),
            attempts=3,
            connect_timeout=timedelta(seconds=2),
            read_timeout=timedelta(seconds=read_timeout),
        )
        return Settings(s3=s3, bucket=f"ims-{name}", boot_images_bucket=f"boot-images-{name}")

    return make


@pytest.fixture
def s3_settings(settings_for: SettingsFor, s3_server: S3Server) -> Settings:
    """Settings that name the S3 server and this test's buckets."""
    return settings_for(s3_server.endpoint_url)


@pytest.fixture
def store(s3_settings: Settings) -> Iterator[ObjectStore]:
    """The object store; both buckets of the settings are there, and go after the test."""
    store = ObjectStore(s3_settings.s3)
    buckets = (s3_settings.bucket, s3_settings.boot_images_bucket)
    for bucket in buckets:
        store.ensure_bucket(bucket)
    yield store
    for bucket in buckets:
        # SeaweedFS has room for a few dozen only.
        remove_bucket(store, bucket)


@pytest.fixture
def bucket(s3_settings: Settings) -> str:
    """The name of this test's bucket of records."""
    return s3_settings.bucket


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Faults]:
    """An address of the S3 server whose calls can fail."""
    if isinstance(s3_server, InMemory):
        with memory_faults(s3_server) as faults:
            yield faults
    else:
        with FaultProxy(s3_server.endpoint_url) as proxy:
            yield proxy


@pytest.fixture
def faulty_settings(settings_for: SettingsFor, proxy: Faults, store: ObjectStore) -> Settings:
    """Settings that reach the same buckets through the proxy."""
    return settings_for(proxy.endpoint_url, read_timeout=1.0)


@pytest.fixture
def faulty_store(faulty_settings: Settings, proxy: Faults) -> ObjectStore:
    """The same buckets through the proxy."""
    return ObjectStore(faulty_settings.s3)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prefect server with a database of its own."""
    # Importing Prefect takes more than a second.
    from tests.prefect_server import prefect_server

    with prefect_server(tmp_path_factory.mktemp("prefect")) as address:
        yield address


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `ims up`, with services of its own, for tests that only use it."""
    running = start(tmp_path_factory.mktemp("up") / "data")
    yield running
    running.end(signal.SIGTERM)
