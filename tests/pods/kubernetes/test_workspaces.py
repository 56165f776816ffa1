from collections.abc import Callable
from pathlib import Path

import pytest

from errors import Conflict, Interrupted, NotFound, Unreachable
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from pods.runtime import PodRuntime
from tests.kubernetes_api import FakeCluster, lives
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def host_path(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def tested(cluster: FakeCluster, options: KubernetesOptions, host_path: Path) -> UnderTest:
    """A runtime that keeps its workspaces in a folder of the node."""
    chosen = options.model_copy(update={"host_path": str(host_path), "tools_image": "tools:1"})
    return UnderTest(Kubernetes(chosen), "tools:1", "")


def test_the_steps_of_a_job_share_a_folder_of_the_node(
    runtime: PodRuntime, pod: MakePod, claim: str, host_path: Path, tmp_path: Path
) -> None:
    runtime.run(pod("echo shared >/workspace/file", step="first", claim=claim), log=tmp_path / "1")
    assert (host_path / claim / "file").read_text() == "shared\n"
    outcome = runtime.run(pod("cat /workspace/file", step="second", claim=claim), log=tmp_path / "2")
    assert outcome.log_tail == ["shared"]


def test_the_folder_of_a_job_is_removed_with_it_and_no_other(
    cluster: FakeCluster, runtime: PodRuntime, pod: MakePod, job: str, claim: str, host_path: Path, tmp_path: Path
) -> None:
    other = host_path / "other"
    other.mkdir(parents=True)
    runtime.run(pod("mkdir -p /workspace/a/b", claim=claim), log=tmp_path / "log")
    assert set(runtime.jobs()) == {job}
    assert set(runtime.remove(job)) == {pod("").name, claim}
    assert list(host_path.iterdir()) == [other]
    assert runtime.jobs() == {}
    assert cluster.objects.list("pods") == []
    assert runtime.remove(job) == []


def test_a_folder_that_cannot_be_emptied_is_not_forgotten(
    cluster: FakeCluster, runtime: PodRuntime, pod: MakePod, job: str, claim: str, host_path: Path, tmp_path: Path
) -> None:
    runtime.run(pod("true", claim=claim), log=tmp_path / "log")
    cluster.lives["release"] = lives.ends_with(1)
    with pytest.raises(Unreachable, match=claim) as caught:
        runtime.remove(job)
    assert str(host_path / claim) in caught.value.resolution
    assert job in runtime.jobs()
    del cluster.lives["release"]
    runtime.remove(job)
    assert list(host_path.iterdir()) == []


def test_without_the_workspace_no_pod_is_made(
    cluster: FakeCluster, runtime: PodRuntime, pod: MakePod, job: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="workspace"):
        runtime.run(pod("true", claim=Claim(job_id=job, size_gib=1).name), log=tmp_path / "log")
    assert cluster.objects.list("pods") == []


def test_the_claim_of_something_else_is_not_taken(cluster: FakeCluster, kubernetes: Kubernetes) -> None:
    claim = Claim(job_id="1", size_gib=1)
    cluster.create("persistentvolumeclaims", {"metadata": {"name": claim.name}, "spec": {}})
    with pytest.raises(Conflict, match=claim.name):
        kubernetes.create_claim(claim)


def test_a_claim_that_is_being_removed_is_not_taken(cluster: FakeCluster, kubernetes: Kubernetes) -> None:
    claim = Claim(job_id="1", size_gib=1)
    kubernetes.create_claim(claim)
    [known] = cluster.objects.list("persistentvolumeclaims")

    def be_going(entry: dict[str, dict[str, str]]) -> None:
        entry["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"

    cluster.objects.change("persistentvolumeclaims", claim.name, known["metadata"]["uid"], be_going)
    with pytest.raises(Interrupted, match="being removed"):
        kubernetes.create_claim(claim)
    cluster.objects.remove("persistentvolumeclaims", claim.name, known["metadata"]["uid"])
    kubernetes.create_claim(claim)
