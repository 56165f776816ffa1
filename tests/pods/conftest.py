"""The runtimes under test, each with an image of a few programs, and a job's pods and claim on them."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from pods.podman.runtime import Podman
from pods.runtime import PodRuntime
from tasks.pods import kubernetes_options
from tests.kubernetes_api import FakeCluster
from tests.pods.shell_image import image
from tests.pods.under_test import IMPATIENT, UnderTest

__all__ = ["image"]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def podman(state_dir: Path) -> Podman:
    return Podman(state_dir)


@pytest.fixture
def on_podman(podman: Podman, state_dir: Path, image: str) -> UnderTest:
    return UnderTest(podman, image, f"Podman(Path({str(state_dir)!r}))")


@pytest.fixture
def options() -> KubernetesOptions:
    """Options with little patience."""
    return IMPATIENT


@pytest.fixture
def kubernetes(cluster: FakeCluster, options: KubernetesOptions) -> Kubernetes:
    """The runtime on the fake cluster."""
    return Kubernetes(options)


@pytest.fixture
def on_fake(kubernetes: Kubernetes, options: KubernetesOptions) -> UnderTest:
    return UnderTest(kubernetes, "localhost/ims-test-shell:1", _expression(options))


@pytest.fixture
def on_cluster() -> UnderTest:
    """The runtime on the real cluster that KUBECONFIG names, with the settings of the environment."""
    # What is missing on purpose need not be waited for as long.
    options = kubernetes_options().model_copy(update={"pull_grace": timedelta(seconds=20)})
    return UnderTest(Kubernetes(options), os.environ["IMS_TEST_IMAGE"], _expression(options))


@pytest.fixture(
    params=[
        pytest.param("podman", marks=pytest.mark.containers),
        pytest.param("fake"),
        pytest.param("cluster", marks=pytest.mark.cluster),
    ]
)
def tested(request: pytest.FixtureRequest) -> UnderTest:
    """Each of the runtimes in turn."""
    found: UnderTest = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def runtime(tested: UnderTest) -> PodRuntime:
    return tested.runtime


@pytest.fixture
def job(runtime: PodRuntime) -> Iterator[str]:
    """A job's id; what it leaves is removed."""
    job_id = str(uuid4())
    yield job_id
    runtime.remove(job_id)


@pytest.fixture
def claim(runtime: PodRuntime, job: str) -> str:
    """The name of the job's claim."""
    claim = Claim(job_id=job, size_gib=1)
    runtime.create_claim(claim)
    return claim.name


@pytest.fixture
def pod(tested: UnderTest, job: str) -> Callable[..., Pod]:
    """Make a pod of the job that runs a shell script."""

    def make(script: str, **changes: Any) -> Pod:
        fields: dict[str, Any] = {
            "job_id": job,
            "step": "test",
            "image": tested.image,
            "command": ["sh", "-c", script],
            "memory_gib": 1,
            "deadline": timedelta(minutes=2),
        }
        return Pod.model_validate(fields | changes)

    return make


def _expression(options: KubernetesOptions) -> str:
    return f"Kubernetes(KubernetesOptions.model_validate_json({options.model_dump_json()!r}))"
