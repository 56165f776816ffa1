"""The Kubernetes runtime on the fake cluster: all that a cluster can do to a pod and to what follows it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pods.facts import Category
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from tests.kubernetes_api import FakeCluster, Fault, lives
from tests.kubernetes_api.cluster import NEVER_BOUND
from tests.kubernetes_api.kubelet import Life
from tests.kubernetes_api.live_pod import LivePod
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


LIVES = [
    pytest.param(lives.ends_with(0), Category.SUCCEEDED, "succeeded", "", id="exit 0"),
    pytest.param(lives.ends_with(3), Category.STEP_FAILED, "exit code 3", "end of its log", id="exit 3"),
    pytest.param(lives.pends(lives.NO_ROOM), Category.UNSCHEDULABLE, "2 Insufficient", "job_mem_size", id="no room"),
    pytest.param(lives.pends(lives.NO_ROOM), Category.UNSCHEDULABLE, "taint {gpu: true}", "TOLERATIONS", id="taint"),
    pytest.param(lives.pends(lives.NO_CLAIM), Category.VOLUME_NOT_BOUND, "unbound", "STORAGE_CLASS", id="not bound"),
    pytest.param(
        lives.waits_with("ContainerCreating", "", ("FailedMount", "Unable to attach or mount volumes: timed out")),
        Category.VOLUME_NOT_BOUND,
        "FailedMount: Unable to attach",
        "STORAGE_CLASS",
        id="not mounted",
    ),
    pytest.param(lives.image_cannot_be_pulled, Category.IMAGE_MISSING, "test-shell", "BUILDER_IMAGE", id="no image"),
    pytest.param(
        lives.waits_with("InvalidImageName", "couldn't parse image name"),
        Category.IMAGE_MISSING,
        "InvalidImageName",
        "BUILDER_IMAGE",
        id="invalid image name",
    ),
    pytest.param(
        lives.waits_with("CreateContainerConfigError", 'secret "keys" not found'),
        Category.CONFIG_ERROR,
        'secret "keys" not found',
        "kubectl describe pod",
        id="config error",
    ),
    pytest.param(
        lives.waits_with("ContainerCreating", "", ("FailedCreatePodSandBox", "failed to setup network")),
        Category.RUNTIME_BROKEN,
        "failed to setup network",
        "kubectl describe node node-1",
        id="no sandbox",
    ),
    pytest.param(lives.out_of_memory, Category.OUT_OF_MEMORY, "limit of 1 GiB", "job_mem_size", id="OOM"),
    pytest.param(lives.evicted, Category.EVICTED, "low on resource: memory", "NODE_SELECTOR", id="evicted"),
    pytest.param(
        lives.evicted_before_its_start, Category.EVICTED, "ephemeral-storage", "NODE_SELECTOR", id="evicted unstarted"
    ),
    pytest.param(lives.drained, Category.EVICTED, "Eviction API", "NODE_SELECTOR", id="drained"),
    pytest.param(lives.drained_at_once, Category.EVICTED, "Eviction API", "NODE_SELECTOR", id="drained at once"),
    pytest.param(lives.node_lost, Category.NODE_LOST, "node-1", "kubectl get nodes", id="node lost"),
    pytest.param(lives.node_removed, Category.NODE_LOST, "no longer exists", "get nodes", id="node removed"),
    pytest.param(lives.deadline_exceeded, Category.DEADLINE, "within 0:02:00", "limit", id="deadline"),
    pytest.param(lives.lost_its_supervisor, Category.KILLED, "its end was not seen", "again", id="end unseen"),
    pytest.param(
        lives.ends_with(1, "tar: write error: No space left on device"),
        Category.DISK_FULL,
        "No space left on device",
        "build_env_size",
        id="volume full",
    ),
]


@pytest.mark.parametrize(("life", "category", "says", "advises"), LIVES)
def test_every_end_has_its_category(
    cluster: FakeCluster,
    kubernetes: Kubernetes,
    pod: MakePod,
    claim: str,
    tmp_path: Path,
    life: Life,
    category: Category,
    says: str,
    advises: str,
) -> None:
    cluster.lives["test"] = life
    outcome = kubernetes.run(pod("", claim=claim), log=tmp_path / "log")
    assert outcome.category is category
    assert says in outcome.summary
    assert advises in outcome.resolution


def test_many_pods_are_followed_at_once_while_every_third_call_fails(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, claim: str, tmp_path: Path
) -> None:
    cases: dict[str, Any] = {f"life-{number}": case.values for number, case in enumerate(LIVES)}
    cluster.lives |= {step: values[0] for step, values in cases.items()}
    cluster.faults.plan(Fault.ANSWER_503, when=lambda call: call.number % 3 == 0, times=10_000)
    with ThreadPoolExecutor(len(cases)) as runners:
        runs = {
            step: runners.submit(kubernetes.run, pod("", step=step, claim=claim), log=tmp_path / step) for step in cases
        }
    assert {step: run.result().category for step, run in runs.items()} == {
        step: category for step, (_, category, _, _) in cases.items()
    }


def test_the_end_of_a_pod_that_is_gone_is_asked_for_until_the_api_server_answers(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.drained_at_once
    cluster.faults.plan(Fault.ANSWER_503, when=lambda call: call.verb == "watch", times=6)
    assert kubernetes.run(pod(""), log=tmp_path / "log").category is Category.EVICTED


def test_what_the_cluster_did_is_evidence(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.pends(lives.NO_ROOM)
    outcome = kubernetes.run(pod(""), log=tmp_path / "log")
    assert outcome.events == [f"FailedScheduling: {lives.NO_ROOM}"]


def test_a_pod_that_its_node_does_not_end_is_ended_from_here(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pods.kubernetes.runtime.DEADLINE_SLACK", timedelta(seconds=1))
    cluster.lives["test"] = lives.goes_on
    outcome = kubernetes.run(pod("", deadline=timedelta(seconds=1)), log=tmp_path / "log")
    assert (outcome.category, outcome.log_tail) == (Category.DEADLINE, ["started"])
    assert cluster.objects.list("pods") == []


def test_a_claims_trouble_is_evidence(
    cluster: FakeCluster, kubernetes: Kubernetes, options: KubernetesOptions, pod: MakePod, job: str, tmp_path: Path
) -> None:
    slow = Kubernetes(options.model_copy(update={"storage_class": NEVER_BOUND}))
    claim = Claim(job_id=job, size_gib=1)
    slow.create_claim(claim)

    def is_unbound(live: LivePod) -> None:
        live.unschedulable(lives.NO_CLAIM)
        live.event("ProvisioningFailed", 'storageclass "never" not found', "PersistentVolumeClaim", claim.name)
        live.forever()

    cluster.lives["test"] = is_unbound
    outcome = slow.run(pod("", claim=claim.name), log=tmp_path / "log")
    assert outcome.category is Category.VOLUME_NOT_BOUND
    assert 'ProvisioningFailed: storageclass "never" not found' in outcome.summary
