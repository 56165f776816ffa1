"""The flow on Kubernetes: a fake API server, whose node is Podman, or on which pods live as a script says."""

import asyncio
import signal
import threading

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from storage.models.jobs import JobStatus
from storage.models.records import new_id
from tests.flows.site import Site
from tests.flows.test_create_image import assert_whole
from tests.kubernetes_api import FakeCluster, lives
from tests.kubernetes_api.live_pod import LivePod
from tests.kubernetes_api.podman_node import PodmanNode

pytestmark = pytest.mark.containers


def nothing_is_left(cluster: FakeCluster) -> bool:
    return not any(cluster.objects.list(kind) for kind in ("pods", "persistentvolumeclaims", "services"))


def jobs_of(cluster: FakeCluster) -> set[str]:
    return {pod["metadata"]["labels"]["ims/job-id"] for pod in cluster.objects.list("pods")}


async def _told(api: str) -> tuple[list[FlowRun], list[Artifact]]:
    with temporary_settings({PREFECT_API_URL: api}):
        async with get_client() as client:
            runs = await client.read_flow_runs()
            wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["ims-diagnosis"]))
            return runs, await client.read_artifacts(artifact_filter=wanted)


def test_an_image_is_built(on_cluster: Site, cluster: FakeCluster, node: PodmanNode) -> None:
    job_id = new_id()
    assert on_cluster.run(job_id) == 0, on_cluster.runs[-1].log.read_text()
    assert_whole(on_cluster, job_id)
    assert nothing_is_left(cluster)


def test_a_diagnosis_is_in_the_record_the_state_and_an_artifact(
    on_cluster: Site, cluster: FakeCluster, prefect_api: str
) -> None:
    why = ("InspectFailed", "couldn't parse image name")
    cluster.lives["prepare"] = lives.waits_with("InvalidImageName", "no image's name", why)
    job_id = new_id()
    assert on_cluster.run(job_id) == 1
    diagnosis = on_cluster.job(job_id).diagnosis
    assert diagnosis is not None
    assert (diagnosis.category, diagnosis.step) == ("image_missing", "prepare")
    assert diagnosis.events == [": ".join(why)]
    runs, artifacts = asyncio.run(_told(prefect_api))
    [run] = [run for run in runs if run.parameters.get("job_id") == job_id]
    assert run.state is not None
    assert "no image's name" in str(run.state.message)
    [artifact] = [artifact for artifact in artifacts if artifact.flow_run_id == run.id]
    assert "couldn't parse image name" in str(artifact.data)
    assert nothing_is_left(cluster)


@pytest.mark.parametrize("number", [signal.SIGTERM], ids=["SIGTERM, as Prefect cancels"])
def test_a_cancelled_job_ends_its_pods(on_cluster: Site, cluster: FakeCluster, number: signal.Signals) -> None:
    cluster.lives["prepare"] = lives.goes_on
    job_id = new_id()
    run = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: bool(cluster.objects.list("pods")))
    run.interrupt(number)
    assert run.wait() != 0
    diagnosis = on_cluster.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "cancelled"
    assert nothing_is_left(cluster)


def test_a_run_that_was_suspended_is_cancelled_within_30_seconds(on_cluster: Site, cluster: FakeCluster) -> None:
    cluster.lives["prepare"] = lives.goes_on
    job_id = new_id()
    run = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: bool(cluster.objects.list("pods")))
    on_cluster.suspend_and_cancel(job_id)
    on_cluster.wait_for(lambda: not run.process.is_alive(), 30)
    assert on_cluster.state_of_run(job_id) == "Cancelled"
    diagnosis = on_cluster.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "cancelled"
    assert nothing_is_left(cluster)


def test_a_cancelled_run_whose_process_is_gone_is_put_in_order(on_cluster: Site, cluster: FakeCluster) -> None:
    cluster.lives["prepare"] = lives.goes_on
    job_id = new_id()
    run = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: bool(cluster.objects.list("pods")))
    run.kill()
    run.wait()
    assert on_cluster.cancel(job_id) == 0
    assert nothing_is_left(cluster)


def test_a_killed_workers_pod_is_adopted_by_the_next_run(on_cluster: Site, cluster: FakeCluster) -> None:
    cluster.lives["prepare"] = lives.talks(60, 0.1)
    cluster.lives["package"] = lives.ends_with(1, "error: enough of it")
    job_id = new_id()
    run = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: bool(cluster.objects.list("pods")))
    [pod] = cluster.objects.list("pods")
    run.kill()
    run.wait()
    assert on_cluster.run(job_id) == 1
    assert on_cluster.job(job_id).status is JobStatus.ERROR
    made = [(call.verb, call.resource) for call in cluster.calls].count(("create", "pods"))
    assert made == 2, "prepare once, package once"
    body, _ = on_cluster.store.read(on_cluster.ims_bucket, f"jobs/{job_id}/prepare.log")
    assert body.decode().split() == [str(number) for number in range(1, 61)]
    assert pod["metadata"]["labels"]["ims/job-id"] == job_id


def test_a_shell_is_told_where_the_cluster_lets_it_be_reached(on_cluster: Site, cluster: FakeCluster) -> None:
    seen_enough = threading.Event()

    def serves(pod: LivePod) -> None:
        lives.begin(pod, "shell ready: 40022 SHA256:fingerprint")
        seen_enough.wait(60)
        pod.exit(0)

    cluster.lives |= {"prepare": lives.ends_with(1, "error: no such package"), "debug-shell": serves}
    job_id = new_id()
    run = on_cluster.start(job_id, enable_debug=True)
    on_cluster.wait_for(
        lambda: job_id in jobs_of(cluster) and on_cluster.job(job_id).status is JobStatus.WAITING_ON_USER
    )
    [shell] = on_cluster.job(job_id).ssh_containers
    [service] = cluster.objects.list("services")
    assert shell.command == f"ssh -p 22 root@{service['spec']['clusterIP']}"
    assert service["spec"]["ports"][0]["targetPort"] == 40022
    seen_enough.set()
    assert run.wait() == 1
    assert "no such package" in str(on_cluster.job(job_id).diagnosis)
    assert nothing_is_left(cluster)
