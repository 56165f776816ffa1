"""A site of its own for each test."""

import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.image import ensure_builder_image
from config.settings import Settings
from runs.loggers import EXTRA_LOGGERS, extra_loggers
from storage.models.records import Image, PublicKey
from storage.s3.objects import ObjectStore
from tests.distribution import TINY_RECIPE, serve
from tests.flows import platforms
from tests.flows.orders import World
from tests.flows.platforms import LOOPBACK, Platform
from tests.flows.site import PUBLIC_KEY, Site
from tests.kubernetes_api import FakeCluster
from tests.kubernetes_api.podman_node import PodmanNode
from tests.s3_proxy import FaultProxy
from tests.s3_server import S3Server
from tests.ssh import new_key
from tests.tiny_image import register


@pytest.fixture(scope="session")
def tiny_recipe_archive() -> bytes:
    """The archive of the recipe that builds in seconds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(TINY_RECIPE, ".")
    return packed.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a site's data."""
    folder = tmp_path / "site"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def platform(request: pytest.FixtureRequest, folder: Path) -> Platform:
    """What the site's pods run on: Podman, unless a test says otherwise."""
    return platforms.cluster() if getattr(request, "param", "podman") == "cluster" else platforms.podman(folder)


@pytest.fixture
def proxy(platform: Platform, s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy before the S3 server that can fail any call, and that the site's pods reach."""
    with FaultProxy(s3_server.endpoint_url, platform.address) as proxy:
        yield proxy


@pytest.fixture
def s3_address(request: pytest.FixtureRequest, platform: Platform, s3_server: S3Server) -> str:
    """The address of the S3 server for flows and pods: on a cluster the proxy's, which is where they reach it."""
    if platform.address == LOOPBACK:
        return s3_server.endpoint_url
    proxy: FaultProxy = request.getfixturevalue("proxy")
    return proxy.endpoint_url


@pytest.fixture
def repository(platform: Platform, tiny_distribution: Path) -> Iterator[str]:
    """The address of the tiny distribution for the site's pods."""
    with serve(tiny_distribution, platform.address) as address:
        yield address


@pytest.fixture
def site(
    s3_server: S3Server,
    store: ObjectStore,
    s3_settings: Settings,
    prefect_api: str,
    platform: Platform,
    s3_address: str,
    repository: str,
    tiny_recipe_archive: bytes,
    folder: Path,
) -> Iterator[Site]:
    """Buckets, a key and the tiny recipe; afterwards no pod and no process of the test's is left."""
    site = Site(
        store=store,
        ims_bucket=s3_settings.bucket,
        boot_images_bucket=s3_settings.boot_images_bucket,
        folder=folder,
        environment={
            "IMS_DATA_DIR": str(folder),
            **s3_server.environment,
            "IMS_S3_ENDPOINT_URL": s3_address,
            "IMS_BUCKET": s3_settings.bucket,
            "IMS_BOOT_IMAGES_BUCKET": s3_settings.boot_images_bucket,
            "IMS_TASK_RETRY_SECONDS": "0.2",
            "IMS_REPOSITORY_TIMEOUT": "2",
            "IMS_REPOSITORY_INTERVAL": "0.2",
            "IMS_REPOSITORY_LIMIT": "1",
            "PREFECT_API_URL": prefect_api,
            EXTRA_LOGGERS: extra_loggers(),
            **platform.environment,
        },
        runtime=platform.runtime,
        repository=repository,
    )
    site.recipe = site.add_recipe(tiny_recipe_archive)
    site.key = site.catalogue.public_keys.create(PublicKey(name="me", public_key=PUBLIC_KEY))
    yield site
    for run in site.runs:
        if run.process.is_alive():
            run.kill()
            run.wait()
    for job_id in site.runtime.jobs():
        if job_id in {job.id for job in site.catalogue.jobs.list(None)}:
            site.runtime.remove(job_id)


@pytest.fixture
def key(site: Site, tmp_path: Path) -> Path:
    """The private key of the site's jobs."""
    file = new_key(tmp_path / "key")
    public = PublicKey(name="mine", public_key=file.with_suffix(".pub").read_text())
    site.key = site.catalogue.public_keys.create(public)
    return file


@pytest.fixture
def on_cluster(site: Site, cluster: FakeCluster, tmp_path: Path) -> Site:
    """The site, whose pods run on the cluster."""
    site.environment |= {
        "IMS_POD_RUNTIME": "kubernetes",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "IMS_KUBERNETES_PATIENCE": "20",
    }
    return site


@pytest.fixture
def node(cluster: FakeCluster, tmp_path: Path) -> Iterator[PodmanNode]:
    """A node that runs pods for real, whatever their step."""
    node = PodmanNode(tmp_path / "node")
    for step in ("ca-rpm", "prepare", "shell", "package", "upload"):
        cluster.lives[step] = node.runs
    yield node
    node.clear(cluster.kubelet.pods.values())


@pytest.fixture
def world(site: Site, prefect_api: str, tiny_rootfs: Path) -> Iterator[World]:
    """A world of which nothing is left."""
    image = site.catalogue.images.create(register(site.store, site.boot_images_bucket, tiny_rootfs))
    with a_world(site, image, prefect_api) as world:
        yield world


@contextmanager
def a_world(site: Site, image: Image, api: str) -> Iterator[World]:
    site.environment |= {"IMS_BUILDER_IMAGE": ensure_builder_image()}
    world = World(site, image, api)
    try:
        yield world
    finally:
        for name in list(world.workers):
            world.kill_worker(name)
        for run_id in world.runs:
            site.runtime.remove(run_id)
