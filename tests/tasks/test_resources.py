"""Tests of tasks/resources.py, and that every pod that a job makes on a cluster says what it asks for."""

from datetime import timedelta

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from builder.contract.environment import Input
from config.settings import settings
from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from tasks.jobs import cancel
from tasks.pods import run_step, runtime
from tasks.resources import resources_of
from tests.kubernetes_api import FakeCluster, lives
from tests.kubernetes_api.admission import MUST_ASK_FOR, admit
from tests.kubernetes_api.objects import ApiError, Resource

COMPUTING = ("prepare", "package", "root", "script")
CUSTOM = {
    "IMS_BUILD_CPU_REQUEST": "2",
    "IMS_SHELL_CPU_REQUEST": "1500m",
    "IMS_LIGHT_CPU_REQUEST": "0.1",
    "IMS_POD_CPU_LIMIT": "4",
    "IMS_POD_STORAGE_REQUEST": "2G",
    "IMS_POD_STORAGE_LIMIT": "20G",
}


@pytest.fixture
def job(cluster: FakeCluster, on_cluster: pytest.MonkeyPatch, own_catalogue: Catalogue) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "tiny"}
    return own_catalogue.jobs.create(Job(job_type=JobType.CREATE, build_env_size=1, job_mem_size=3, **asked))


def resources(pod: Resource) -> Resource:
    [container] = pod["spec"]["containers"]
    found: Resource = container["resources"]
    return found


def pods_of(cluster: FakeCluster, job: Job, *steps: str) -> dict[str, Resource]:
    """Run steps, and return the resources of their pods."""
    for step in steps:
        cluster.lives[step] = lives.ends_with(0)
        run_step(job, step, step, Input(), deadline=timedelta(minutes=1))
    pods = cluster.objects.list("pods")
    for pod in pods:
        written = {key: value for key, value in pod.items() if key != "status"}
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **written}, "1.27", strict=True)
    return {pod["metadata"]["labels"]["ims/step"]: resources(pod) for pod in pods}


def test_by_default_a_step_that_computes_asks_for_a_processor_and_may_use_what_is_idle(
    cluster: FakeCluster, job: Job
) -> None:
    found = pods_of(cluster, job, *COMPUTING)
    assert set(found) == set(COMPUTING)
    for asked in found.values():
        assert asked == {
            "requests": {"cpu": "1", "memory": "3Gi", "ephemeral-storage": "1Gi"},
            "limits": {"memory": "3Gi", "ephemeral-storage": "10Gi"},
        }


def test_shells_ask_for_less_and_what_moves_bytes_for_less_still(cluster: FakeCluster, job: Job) -> None:
    found = pods_of(cluster, job, "shell", "debug-shell", "upload", "ca-rpm")
    asked = {step: has["requests"]["cpu"] for step, has in found.items()}
    assert asked == {"shell": "500m", "debug-shell": "500m", "upload": "250m", "ca-rpm": "250m"}


def test_the_settings_reach_every_pod(cluster: FakeCluster, job: Job, on_cluster: pytest.MonkeyPatch) -> None:
    for name, value in CUSTOM.items():
        on_cluster.setenv(name, value)
    settings.cache_clear()
    found = pods_of(cluster, job, "prepare", "shell", "upload")
    assert {step: has["requests"]["cpu"] for step, has in found.items()} == {
        "prepare": "2",
        "shell": "1500m",
        "upload": "0.1",
    }
    for has in found.values():
        assert has["limits"] == {"memory": "3Gi", "cpu": "4", "ephemeral-storage": "20G"}
        assert has["requests"]["ephemeral-storage"] == "2G"


def test_the_pod_that_removes_a_folder_of_the_node_has_requests_and_limits_too(
    cluster: FakeCluster, job: Job, on_cluster: pytest.MonkeyPatch
) -> None:
    on_cluster.setenv("IMS_KUBERNETES_HOST_PATH", "/workspaces")
    on_cluster.setenv("IMS_POD_CPU_LIMIT", "4")
    settings.cache_clear()
    runtime.cache_clear()
    cluster.lives["prepare"] = cluster.lives["release"] = lives.ends_with(0)
    run_step(job, "prepare", "prepare", Input(), deadline=timedelta(minutes=1))
    cancel(job.id)
    [asked] = [pod for pod in cluster.kubelet.pods.values() if pod.name == f"ims-{job.id}-release-1"]
    assert resources(asked.entry)["requests"] == {"cpu": "250m", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    assert resources(asked.entry)["limits"]["cpu"] == "4"


def test_a_pod_is_adopted_by_a_worker_whose_settings_ask_for_something_else(
    cluster: FakeCluster, job: Job, on_cluster: pytest.MonkeyPatch
) -> None:
    """A release or a change of the settings while a build runs must not begin it again."""
    before = pods_of(cluster, job, "prepare")
    for name, value in CUSTOM.items():
        on_cluster.setenv(name, value)
    settings.cache_clear()
    runtime.cache_clear()
    assert pods_of(cluster, job, "prepare") == before
    assert len([call for call in cluster.calls if (call.verb, call.resource) == ("create", "pods")]) == 1


def test_an_unknown_step_counts_as_one_that_computes() -> None:
    assert resources_of("something-new") == resources_of("prepare")


@pytest.mark.parametrize("name", MUST_ASK_FOR)
def test_the_fake_cluster_refuses_a_pod_that_does_not_say_what_it_asks_for(name: str) -> None:
    asked = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    admit({"spec": {"containers": [{"resources": {"requests": asked, "limits": asked}}]}})
    del asked[name]
    with pytest.raises(ApiError, match=f"must specify requests.{name}"):
        admit({"spec": {"containers": [{"resources": {"requests": asked}}]}})


def test_the_fake_cluster_refuses_a_request_above_its_limit() -> None:
    asked = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    with pytest.raises(ApiError, match="must be less than or equal to cpu limit"):
        admit({"spec": {"containers": [{"resources": {"requests": asked, "limits": asked | {"cpu": "999m"}}}]}})
