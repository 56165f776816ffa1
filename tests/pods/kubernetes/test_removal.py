import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from errors import Interrupted
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from tests.kubernetes_api import FakeCluster, Fault, lives
from tests.kubernetes_api.admission import RESOURCES
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


def test_a_pod_that_pends_for_ever_is_removed_at_once(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, job: str, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.pends(lives.NO_ROOM)
    step = pod("")
    with ThreadPoolExecutor() as runners:
        run = runners.submit(kubernetes.run, step, log=tmp_path / "log")
        while not cluster.objects.list("pods"):
            time.sleep(0.02)
        assert kubernetes.remove(job) == [step.name]
        assert isinstance(run.exception(10), Interrupted)


def test_a_pod_that_ignores_everything_is_removed_by_force(
    cluster: FakeCluster, options: KubernetesOptions, pod: MakePod, job: str, tmp_path: Path
) -> None:
    hasty = Kubernetes(options.model_copy(update={"removal_limit": timedelta(seconds=1)}))
    cluster.lives["test"] = lives.node_lost
    hasty.run(pod(""), log=tmp_path / "log")
    assert hasty.remove(job) == [pod("").name]
    assert cluster.objects.list("pods") == []


def test_a_removal_goes_on_through_faults(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, job: str, claim: str, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.ends_with(0)
    step = pod("", claim=claim)
    kubernetes.run(step, log=tmp_path / "log")
    cluster.faults.plan(Fault.LOST_ANSWER, when=lambda call: call.verb == "delete", times=2)
    cluster.faults.plan(Fault.ANSWER_503, when=lambda call: call.number % 2 == 0, times=6)
    assert kubernetes.remove(job) == [step.name, claim]
    assert cluster.objects.list("pods") + cluster.objects.list("persistentvolumeclaims") == []


def test_a_claim_that_something_else_uses_is_removed_after_that(
    cluster: FakeCluster, kubernetes: Kubernetes, job: str, claim: str, caplog: pytest.LogCaptureFixture
) -> None:
    volumes = [{"persistentVolumeClaim": {"claimName": claim}}]
    spec = {"containers": [{"name": "look", "image": "tools:1", "resources": RESOURCES}], "volumes": volumes}
    cluster.lives[""] = lives.goes_on
    looking = cluster.create("pods", {"metadata": {"name": "look", "labels": {}}, "spec": spec})
    assert kubernetes.remove(job) == [claim]
    assert "still used by something that is not ours" in caplog.text
    assert list(kubernetes.jobs()) == [job]
    cluster.objects.remove("pods", "look", looking["metadata"]["uid"])
    # The cluster may be faster: it removes a deleted claim by itself once no pod uses it.
    assert kubernetes.remove(job) in ([claim], [])
    assert kubernetes.jobs() == {}


def test_other_jobs_stay_when_one_is_removed(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, job: str, claim: str
) -> None:
    other = Claim(job_id="other", size_gib=1)
    kubernetes.create_claim(other)
    kubernetes.remove(job)
    assert set(kubernetes.jobs()) == {"other"}
