"""A step's later attempt, when the first one's pod is gone and the worker is started again: it is gone on with.

On a fake cluster, whose node is Podman where it says so. Each test prints the pods in their order, and who held the
workspace.
"""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pods.podman.runtime import Podman
from storage.models.jobs import JobStatus
from storage.models.records import Image, new_id
from storage.models.shells import Address, ConnectionInfo, SshContainer
from tests.faults import Call
from tests.flows.platforms import on_every_platform
from tests.flows.site import Run, Site
from tests.flows.test_create_image import assert_whole
from tests.kubernetes_api import FakeCluster, lives
from tests.kubernetes_api.kubelet import Life
from tests.kubernetes_api.live_pod import LivePod
from tests.kubernetes_api.podman_node import PodmanNode
from tests.root_listing import listing
from tests.s3_proxy import FaultProxy
from tests.ssh import ssh
from tests.tiny_image import downloaded, register

pytestmark = pytest.mark.containers

ROOT = "/mnt/image/image-root"
HOLDS = re.compile(r"the workspace is held by (\S+)\n")


def pods_of(cluster: FakeCluster) -> dict[str, LivePod]:
    """Return all pods that there ever were, by step and attempt, in their order."""
    found: dict[str, LivePod] = {}
    for pod in list(cluster.kubelet.pods.values()):
        labels = pod.entry["metadata"]["labels"]
        name = f"{labels['ims/step']}-{labels['ims/attempt']}"
        assert name not in found, f"there were two pods {name}"
        found[name] = pod
    return found


def tell(cluster: FakeCluster) -> None:
    """Print the pods in their order, and which of them held the workspace."""
    for name, pod in pods_of(cluster).items():
        said = b"".join(text for _, text in pod.log.lines).decode()
        print(f"{name}: {'held the workspace' if HOLDS.search(said) else 'told nothing of the workspace'}")


def wait_for_pod(site: Site, cluster: FakeCluster, name: str, says: str = "") -> LivePod:
    site.wait_for(lambda: name in pods_of(cluster) and said_by(pods_of(cluster)[name], says))
    return pods_of(cluster)[name]


def said_by(pod: LivePod, words: str) -> bool:
    return words in b"".join(text for _, text in pod.log.lines).decode()


def evict(cluster: FakeCluster, pod: LivePod) -> None:
    """Do what `kubectl drain` does, and wait until the pod is gone."""
    pod.condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
    cluster.delete("pods", pod.name, {"gracePeriodSeconds": 5})
    end = time.monotonic() + 20
    while pod.name in [entry["metadata"]["name"] for entry in cluster.objects.list("pods")]:
        assert time.monotonic() < end
        time.sleep(0.05)


def first(life: Life, then: Life) -> Life:
    """Return the life of a step whose first pod comes to another end than those after it."""

    def live(pod: LivePod) -> None:
        (life if pod.entry["metadata"]["labels"]["ims/attempt"] == "1" else then)(pod)

    return live


@pytest.mark.parametrize("end", [lives.drained, lives.drained_at_once, lives.vanishes, lives.evicted])
def test_a_restarted_worker_adopts_the_later_attempt_whatever_became_of_the_first(
    on_cluster: Site, cluster: FakeCluster, end: Life
) -> None:
    cluster.lives["prepare"] = first(end, lives.talks(60, 0.1))
    cluster.lives["package"] = lives.ends_with(1, "error: enough of it")
    job_id = new_id()
    run = on_cluster.start(job_id)
    wait_for_pod(on_cluster, cluster, "prepare-2", "3\n")
    run.kill()
    run.wait()
    assert on_cluster.run(job_id) == 1
    assert list(pods_of(cluster)) == ["prepare-1", "prepare-2", "package-1"]
    diagnosis = on_cluster.job(job_id).diagnosis
    assert diagnosis is not None
    assert diagnosis.summary == "enough of it"


# Each step is held up at one of its calls of S3.
held_up_steps = pytest.mark.parametrize(
    ("step", "call"),
    [
        ("prepare", lambda call: call.method == "GET" and call.key.endswith("context.tgz")),
        ("package", lambda call: call.method == "PUT" and call.key.endswith("package.json")),
        ("upload", lambda call: call.method == "PUT" and "partNumber" in call.query),
    ],
    ids=["build", "package", "upload"],
)


@held_up_steps
def test_no_other_pod_touches_the_workspace_of_a_later_attempt(
    on_cluster: Site, cluster: FakeCluster, node: PodmanNode, proxy: FaultProxy, step: str, call: Callable[[Call], bool]
) -> None:
    """The pods are real, and each attempt is held up at one of its calls of S3."""
    on_cluster.environment["IMS_S3_ENDPOINT_URL"] = proxy.endpoint_url
    held_up = HeldUp(proxy, call)
    job_id = new_id()
    run = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: held_up.count > 0)
    evict(cluster, pods_of(cluster)[f"{step}-1"])
    before = held_up.count
    on_cluster.wait_for(lambda: f"{step}-2" in pods_of(cluster) and held_up.count > before)
    run.kill()
    run.wait()
    again = on_cluster.start(job_id)
    on_cluster.wait_for(lambda: again.log.exists() and f"{step}-2 is there already" in again.log.read_text())
    held_up.goes_on = True
    assert again.wait() == 0, again.log.read_text()
    tell(cluster)
    assert_whole(on_cluster, job_id)
    others = {"prepare", "package", "upload"} - {step}
    assert set(pods_of(cluster)) == {f"{step}-1", f"{step}-2", *(f"{other}-1" for other in others)}


@on_every_platform
@held_up_steps
def test_a_later_attempt_is_gone_on_with_where_pods_are_real(
    site: Site, proxy: FaultProxy, step: str, call: Callable[[Call], bool]
) -> None:
    site.environment["IMS_S3_ENDPOINT_URL"] = proxy.endpoint_url
    held_up = HeldUp(proxy, call)
    job_id = new_id()
    run = site.start(job_id)
    site.wait_for(lambda: held_up.count > 0)
    remove_pod(site, f"ims-{job_id}-{step}-1")
    before = held_up.count
    site.wait_for(lambda: site.job(job_id).attempts[step].newest == 2 and held_up.count > before)
    run.kill()
    run.wait()
    again = site.start(job_id)
    site.wait_for(
        lambda: again.log.exists() and f"the workspace is held by ims-{job_id}-{step}-2" in again.log.read_text()
    )
    held_up.goes_on = True
    assert again.wait() == 0, again.log.read_text()
    assert {name: attempts.newest for name, attempts in site.job(job_id).attempts.items() if name != "ca-rpm"} == {
        **dict.fromkeys(("prepare", "package", "upload"), 1),
        step: 2,
    }
    assert_whole(site, job_id)


def remove_pod(site: Site, name: str) -> None:
    """Remove a pod that is at work, as somebody does by hand."""
    if isinstance(site.runtime, Podman):
        subprocess.run(["podman", "pod", "rm", "--force", "--time", "0", name], check=True, capture_output=True)
    else:
        subprocess.run(["kubectl", "delete", "pod", name, "--grace-period=5"], check=True, capture_output=True)


class HeldUp:
    """Holds up calls to S3 until they may go on."""

    def __init__(self, proxy: FaultProxy, when: Callable[[Call], bool]) -> None:
        self.count = 0
        self.goes_on = False
        proxy.plan(when=lambda call: "X-Amz-Signature" in call.query and when(call), times=1000, before=self._hold)

    def _hold(self, call: Call) -> None:
        self.count += 1
        end = time.monotonic() + 60
        while not self.goes_on and time.monotonic() < end:
            time.sleep(0.05)


@pytest.fixture
def image(on_cluster: Site, tiny_rootfs: Path) -> Image:
    return on_cluster.catalogue.images.create(register(on_cluster.store, on_cluster.boot_images_bucket, tiny_rootfs))


def shell_of(site: Site, cluster: FakeCluster, run: Run, job_id: str, name: str) -> SshContainer:
    """Wait until the shell of a pod is open, and return how it is reached: the node's network is this host's."""
    pod = wait_for_pod(site, cluster, name, "shell ready: ")
    said = b"".join(text for _, text in pod.log.lines).decode()
    [port] = re.findall(r"shell ready: (\d+)", said)
    site.wait_for(lambda: site.job(job_id).status is JobStatus.WAITING_ON_USER)
    [shell] = site.job(job_id).ssh_containers
    access = ConnectionInfo(customer_access=Address(host="127.0.0.1", port=int(port)))
    return shell.model_copy(update={"connection_info": access})


def test_what_a_user_made_in_a_shell_survives_an_eviction_and_a_worker_that_is_started_again(
    on_cluster: Site, cluster: FakeCluster, node: PodmanNode, key: Path, image: Image, tmp_path: Path
) -> None:
    job_id = new_id()
    run = on_cluster.customize(job_id, image.id)
    shell = shell_of(on_cluster, cluster, run, job_id, "shell-1")
    assert ssh(shell, key, f"echo before > {ROOT}/etc/before").returncode == 0
    evict(cluster, pods_of(cluster)["shell-1"])
    shell = shell_of(on_cluster, cluster, run, job_id, "shell-2")
    assert ssh(shell, key, f"cat {ROOT}/etc/before; echo after > {ROOT}/etc/after").stdout == "before\n"
    run.kill()
    run.wait()
    again = on_cluster.customize(job_id, image.id)
    on_cluster.wait_for(lambda: again.log.exists() and "shell-2 is there already" in again.log.read_text())
    assert ssh(shell, key, f"cat {ROOT}/etc/after && touch /mnt/image/complete").stdout == "after\n"
    assert again.wait() == 0, again.log.read_text()
    tell(cluster)
    assert list(pods_of(cluster)) == ["shell-1", "shell-2", "package-1", "upload-1"]
    [made] = [each for each in on_cluster.images() if each.id != image.id]
    told = listing(downloaded(on_cluster.store, made, tmp_path)["rootfs"], tmp_path)
    assert {"etc/before", "etc/after"} <= set(told)
