"""Tests of tasks/pods.py, on the fake cluster: no container is needed to see what becomes of a step."""

from datetime import timedelta

import pytest

from builder.contract.environment import Input
from config.settings import settings
from errors import Exhausted
from pods.kubernetes.runtime import Kubernetes
from pods.podman.runtime import Podman
from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from tasks.attempts import STARTS
from tasks.jobs import cancel, reporting
from tasks.pods import StepFailed, kubernetes_options, run_step, runtime
from tests.kubernetes_api import FakeCluster, lives
from tests.kubernetes_api.live_pod import LivePod


@pytest.fixture
def job(cluster: FakeCluster, on_cluster: pytest.MonkeyPatch, own_catalogue: Catalogue) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "tiny"}
    return own_catalogue.jobs.create(Job(job_type=JobType.CREATE, build_env_size=1, job_mem_size=1, **asked))


def run(job: Job, step: str = "prepare") -> None:
    run_step(job, step, step, Input(), deadline=timedelta(minutes=1))


def test_the_settings_choose_the_runtime(on_cluster: pytest.MonkeyPatch) -> None:
    assert isinstance(runtime(), Kubernetes)
    on_cluster.setenv("IMS_POD_RUNTIME", "podman")
    settings.cache_clear()
    runtime.cache_clear()
    assert isinstance(runtime(), Podman)


def test_every_setting_of_the_cluster_is_an_option(on_cluster: pytest.MonkeyPatch) -> None:
    on_cluster.setenv("IMS_KUBERNETES_TOLERATIONS", '[{"key": "builds", "operator": "Exists"}]')
    on_cluster.setenv("IMS_KUBERNETES_NODE_SELECTOR", '{"pool": "builds"}')
    on_cluster.setenv("IMS_KUBERNETES_PULL_GRACE", "90s")
    settings.cache_clear()
    options = kubernetes_options()
    assert options.tolerations == [{"key": "builds", "operator": "Exists"}]
    assert (options.node_selector, options.pull_grace) == ({"pool": "builds"}, timedelta(seconds=90))


def test_what_the_cluster_did_is_in_the_jobs_record(cluster: FakeCluster, job: Job, own_catalogue: Catalogue) -> None:
    why = ("InspectFailed", "Failed to apply default image tag: couldn't parse image name")
    cluster.lives["prepare"] = lives.waits_with("InvalidImageName", "couldn't parse image name", why)
    with pytest.raises(StepFailed, match="couldn't parse image name"), reporting(job):
        run(job)
    diagnosis = own_catalogue.jobs.get(job.id).diagnosis
    assert diagnosis is not None
    assert (diagnosis.category, diagnosis.step, diagnosis.exit_code) == ("image_missing", "prepare", None)
    assert diagnosis.events == [": ".join(why)]
    assert "IMS_BUILDER_IMAGE" in diagnosis.resolution
    assert runtime().jobs() == {}


def test_the_exit_code_and_the_last_lines_are_in_the_jobs_record(
    cluster: FakeCluster, job: Job, own_catalogue: Catalogue
) -> None:
    cluster.lives["prepare"] = lives.ends_with(4, "advice: add it", "error: it is missing")
    with pytest.raises(StepFailed), reporting(job):
        run(job)
    diagnosis = own_catalogue.jobs.get(job.id).diagnosis
    assert diagnosis is not None
    assert (diagnosis.exit_code, diagnosis.summary, diagnosis.resolution) == (4, "it is missing", "add it")
    assert diagnosis.log_tail == ["advice: add it", "error: it is missing"]


def test_an_evicted_step_is_started_again(cluster: FakeCluster, job: Job) -> None:
    def evicted_once(pod: LivePod) -> None:
        cluster.lives["prepare"] = lives.ends_with(0)
        lives.evicted(pod)

    cluster.lives["prepare"] = evicted_once
    run(job)
    assert {pod["metadata"]["labels"]["ims/attempt"] for pod in cluster.objects.list("pods")} == {"1", "2"}


def test_a_step_that_is_evicted_every_time_may_be_tried_later(cluster: FakeCluster, job: Job) -> None:
    cluster.lives["prepare"] = lives.evicted
    with pytest.raises(Exhausted, match="low on resource"):
        run(job)
    assert len(cluster.objects.list("pods")) == STARTS


def test_a_step_without_hand_over_needs_no_workspace(cluster: FakeCluster, job: Job) -> None:
    cluster.lives["ca-rpm"] = lives.ends_with(0)
    run_step(job, "ca-rpm", "ca_rpm", Input(), deadline=timedelta(minutes=1), root=False, workspace=False)
    assert cluster.objects.list("persistentvolumeclaims") == []
    [pod] = cluster.objects.list("pods")
    assert pod["spec"]["volumes"] == [{"name": "workspace", "emptyDir": {}}]
    assert pod["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] is True


def test_a_cancelled_job_leaves_nothing_on_the_cluster(cluster: FakeCluster, job: Job) -> None:
    cluster.lives["prepare"] = lives.ends_with(0)
    run(job)
    cancel(job.id)
    assert [cluster.objects.list(kind) for kind in ("pods", "persistentvolumeclaims", "services")] == [[], [], []]
