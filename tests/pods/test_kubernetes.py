"""The Kubernetes runtime on the fake cluster: what a cluster can do to a pod, and to whoever follows it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from errors import BadInput, Conflict, Denied, Interrupted, NotFound, Unreachable
from pods.diagnosis import Category
from pods.kubernetes import Kubernetes
from pods.kubernetes_options import KubernetesOptions
from pods.manifest import Claim, Pod
from pods.runtime import Endpoint, Phase
from tests.kubernetes_api import Call, FakeCluster, Fault, lives
from tests.kubernetes_api.cluster import NEVER_BOUND
from tests.kubernetes_api.kubelet import Life, LivePod
from tests.pods.runners import kill, start_runner
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


def of_log(call: Call) -> bool:
    return call.resource == "pods/log"


def of_watch(call: Call) -> bool:
    return call.verb == "watch"


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
    pytest.param(lives.node_lost, Category.NODE_LOST, "node-1", "kubectl get nodes", id="node lost"),
    pytest.param(lives.node_removed, Category.NODE_LOST, "no longer exists", "get nodes", id="node removed"),
    pytest.param(lives.deadline_exceeded, Category.DEADLINE, "within 0:02:00", "limit", id="deadline"),
    pytest.param(lives.lost_its_supervisor, Category.KILLED, "nobody saw its end", "again", id="end unseen"),
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


def test_all_at_once_are_told_while_every_third_call_fails(
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


def test_what_the_cluster_did_is_evidence(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.pends(lives.NO_ROOM)
    outcome = kubernetes.run(pod(""), log=tmp_path / "log")
    assert outcome.events == [f"FailedScheduling: {lives.NO_ROOM}"]


def test_a_pod_that_did_not_start_leaves_nothing(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.image_cannot_be_pulled
    kubernetes.run(pod(""), log=tmp_path / "log")
    assert cluster.objects.list("pods") == []


def test_an_image_may_come_late(cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path) -> None:
    cluster.lives["test"] = lives.image_comes_late
    outcome = kubernetes.run(pod(""), log=tmp_path / "log")
    assert (outcome.phase, outcome.log_tail) == (Phase.SUCCEEDED, ["here"])


def test_a_pod_that_was_removed_may_be_run_again(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.vanishes
    with pytest.raises(Interrupted, match="removed while it ran"):
        kubernetes.run(pod(""), log=tmp_path / "log")


def test_another_pod_of_the_same_name_is_not_taken_for_it(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    step = pod("", step="test")

    def is_replaced(live: LivePod) -> None:
        lives.begin(live, "first")
        live.pause(0.3)
        cluster.lives["test"] = lives.ends_with(0, "second")
        live.vanish()
        cluster.create("pods", {key: value for key, value in live.entry.items() if key != "status"})

    cluster.lives["test"] = is_replaced
    with pytest.raises(Interrupted, match=r"replaced|removed"):
        kubernetes.run(step, log=tmp_path / "log")
    # The next run reads what is there now.
    assert kubernetes.run(step, log=tmp_path / "log").log_tail == ["second"]


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param({"labels": {"app.kubernetes.io/managed-by": "helm"}}, id="not ours"),
        pytest.param({"annotations": {"ims/fingerprint": "other"}}, id="another command"),
    ],
)
def test_what_is_not_this_step_is_refused(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, foreign: dict[str, Any]
) -> None:
    cluster.lives["test"] = lives.goes_on
    step = pod("")
    labels = {"app.kubernetes.io/managed-by": "ims", "ims/job-id": step.job_id, "ims/step": "test"}
    meta = {"name": step.name, "labels": labels} | foreign
    container = {"name": "step", "image": "x", "env": [], "command": ["true"]}
    cluster.create("pods", {"metadata": meta, "spec": {"containers": [container]}})
    with pytest.raises(Conflict, match=step.name):
        kubernetes.run(step, log=tmp_path / "log")


def test_a_run_with_new_presigned_addresses_adopts_its_pod(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.ends_with(0, "once")
    for signature in ("first", "second"):
        step = pod("", env={"IMS_CONTEXT_URL": f"http://s3.test/context.tgz?X-Amz-Signature={signature}"})
        assert kubernetes.run(step, log=tmp_path / "log").log_tail == ["once"]
    assert len([call for call in cluster.calls if (call.verb, call.resource) == ("create", "pods")]) == 1


def test_a_pod_on_its_way_out_is_waited_for_and_made_anew(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tested: UnderTest, tmp_path: Path
) -> None:
    step = pod("trap '' TERM; echo started; while :; do sleep 0.1; done")
    kill(start_runner(step, tested, tmp_path / "log"))
    cluster.lives["test"] = lives.ends_with(0, "anew")
    cluster.delete("pods", step.name, {"gracePeriodSeconds": 1})
    assert kubernetes.run(step, log=tmp_path / "log").log_tail == ["anew"]


def test_a_pod_whose_creation_was_not_answered_is_its_own(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.ends_with(0, "once")
    cluster.faults.plan(Fault.LOST_ANSWER, when=lambda call: call.verb == "create")
    assert kubernetes.run(pod(""), log=tmp_path / "log").log_tail == ["once"]


def test_two_runs_of_one_step_follow_one_pod(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.talks(5, 0.05)
    step = pod("")
    with ThreadPoolExecutor() as runners:
        runs = [runners.submit(kubernetes.run, step, log=tmp_path / str(number)) for number in range(4)]
        assert [run.result().log_tail for run in runs] == [["1", "2", "3", "4", "5"]] * 4


COUNTED = [str(number) for number in range(1, 101)]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([(Fault.CUT, 100), (Fault.CUT, 217), (Fault.CUT, 333)], id="cut mid-line"),
        pytest.param([(Fault.ENDED_EARLY, 101), (Fault.ENDED_EARLY, 160)], id="ended early mid-line"),
        pytest.param([(Fault.ANSWER_503, 0)] * 3, id="503"),
        pytest.param([(Fault.ANSWER_403, 0)] * 3, id="403"),
        pytest.param([(Fault.RESET, 0), (Fault.CUT, 5), (Fault.CUT, 0)], id="cut in a time stamp"),
        pytest.param([(Fault.STALL, 0)], id="silence"),
    ],
)
def test_no_line_of_the_log_is_lost_or_doubled(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, faults: list[tuple[Fault, int]]
) -> None:
    cluster.lives["test"] = lives.talks(len(COUNTED), 0.01)
    for fault, after_bytes in faults:
        cluster.faults.plan(fault, when=of_log, after_bytes=after_bytes)
    lines: list[str] = []
    kubernetes.run(pod(""), log=tmp_path / "log", on_line=lines.append)
    assert lines == COUNTED
    assert (tmp_path / "log").read_text().split() == COUNTED


def test_a_log_that_cannot_be_read_does_not_fail_the_step(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.lives["test"] = lives.ends_with(0, "unheard")
    cluster.faults.plan(Fault.ANSWER_403, when=of_log, times=1000)
    outcome = kubernetes.run(pod(""), log=tmp_path / "log")
    assert (outcome.phase, outcome.log_tail) == (Phase.SUCCEEDED, [])
    assert "may be missing" in caplog.text


@pytest.mark.parametrize(
    "fault", [Fault.EXPIRED, Fault.SLOW, Fault.CUT, Fault.ANSWER_403, Fault.ANSWER_503, Fault.RESET, Fault.STALL]
)
def test_a_run_depends_on_no_watch(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, fault: Fault
) -> None:
    cluster.lives["test"] = lives.image_comes_late
    cluster.faults.plan(fault, when=of_watch, times=1000)
    assert kubernetes.run(pod(""), log=tmp_path / "log").phase is Phase.SUCCEEDED


def test_a_version_that_is_too_old_is_listed_again(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    def is_forgotten(live: LivePod) -> None:
        live.pause(0.3)
        cluster.objects.compact()
        lives.begin(live, "here")
        live.exit(0)

    cluster.lives["test"] = is_forgotten
    assert kubernetes.run(pod(""), log=tmp_path / "log").log_tail == ["here"]


def test_an_api_server_that_is_away_is_waited_for(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    cluster.lives["test"] = lives.talks(30, 0.1)
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "3":
            cluster.faults.away(4)

    outcome = kubernetes.run(pod(""), log=tmp_path / "log", on_line=on_line)
    assert outcome.phase is Phase.SUCCEEDED
    assert lines == COUNTED[:30]


def test_an_api_server_that_stays_away_may_be_asked_later(
    cluster: FakeCluster, options: KubernetesOptions, pod: MakePod, tmp_path: Path
) -> None:
    hasty = Kubernetes(options.model_copy(update={"patience": timedelta(seconds=0.5)}))
    cluster.faults.away(3)
    with pytest.raises(Unreachable, match="API server"):
        hasty.run(pod(""), log=tmp_path / "log")
    time.sleep(3)


def test_a_server_that_asks_for_a_pause_gets_it(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path
) -> None:
    moments: list[float] = []

    def is_creation(call: Call) -> bool:
        if (call.verb, call.resource) != ("create", "pods"):
            return False
        moments.append(time.monotonic())
        return True

    cluster.faults.plan(Fault.ANSWER_429, when=is_creation, times=2)
    cluster.lives["test"] = lives.ends_with(0)
    kubernetes.run(pod(""), log=tmp_path / "log")
    # Retry-After: 1
    assert moments[1] - moments[0] >= 1


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        pytest.param(Fault.ANSWER_403, Denied, "forbidden", id="403"),
        pytest.param(Fault.ANSWER_422, BadInput, "tolerations", id="422"),
    ],
)
def test_a_refusal_is_not_tried_again(
    cluster: FakeCluster,
    kubernetes: Kubernetes,
    pod: MakePod,
    tmp_path: Path,
    fault: Fault,
    error: type[Exception],
    says: str,
) -> None:
    cluster.faults.plan(fault, when=lambda call: call.verb == "create", times=1000)
    with pytest.raises(error, match=says):
        kubernetes.run(pod(""), log=tmp_path / "log")
    assert len([call for call in cluster.calls if call.verb == "create"]) == 1


def test_a_pod_that_its_node_does_not_end_is_ended_from_here(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pods.kubernetes.DEADLINE_SLACK", timedelta(seconds=1))
    cluster.lives["test"] = lives.goes_on
    outcome = kubernetes.run(pod("", deadline=timedelta(seconds=1)), log=tmp_path / "log")
    assert (outcome.category, outcome.log_tail) == (Category.DEADLINE, ["started"])
    assert cluster.objects.list("pods") == []


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


def test_other_jobs_stay_when_one_is_removed(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, job: str, claim: str
) -> None:
    other = Claim(job_id="other", size_gib=1)
    kubernetes.create_claim(other)
    kubernetes.remove(job)
    assert kubernetes.jobs() == {"other"}


def test_somebody_elses_claim_is_not_taken(cluster: FakeCluster, kubernetes: Kubernetes, job: str) -> None:
    claim = Claim(job_id=job, size_gib=1)
    cluster.create("persistentvolumeclaims", {"metadata": {"name": claim.name}, "spec": {}})
    with pytest.raises(Conflict, match=claim.name):
        kubernetes.create_claim(claim)


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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, Endpoint("10.96.0.1", 22), id="ClusterIP"),
        pytest.param({"service_type": "NodePort"}, Endpoint("192.0.2.7", 30001), id="NodePort"),
        pytest.param({"service_type": "LoadBalancer"}, Endpoint("198.51.100.1", 22), id="LoadBalancer"),
        pytest.param(
            {
                "service_type": "LoadBalancer",
                "service_annotations": {"external-dns.alpha.kubernetes.io/hostname": "{job_id}.ims.test"},
            },
            Endpoint("JOB.ims.test", 22),
            id="external-dns",
        ),
    ],
)
def test_a_shell_is_reached_by_a_service_that_goes_with_its_pod(
    cluster: FakeCluster,
    options: KubernetesOptions,
    pod: MakePod,
    job: str,
    tmp_path: Path,
    changes: dict[str, Any],
    expected: Endpoint,
) -> None:
    runtime = Kubernetes(options.model_copy(update=changes))
    cluster.lives["test"] = lives.goes_on
    with ThreadPoolExecutor() as runners:
        ready = threading.Event()
        run = runners.submit(runtime.run, pod(""), log=tmp_path / "log", on_line=lambda _: ready.set())
        assert ready.wait(10)
        assert runtime.publish(job, "test", 40022) == expected._replace(host=expected.host.replace("JOB", job))
        assert runtime.publish(job, "test", 40022) == expected._replace(host=expected.host.replace("JOB", job))
        [service] = cluster.objects.list("services")
        assert service["spec"]["ports"][0]["targetPort"] == 40022
        [live] = cluster.objects.list("pods")
        # As the cluster does it: no call of ours.
        cluster.objects.remove("pods", live["metadata"]["name"], live["metadata"]["uid"])
        assert isinstance(run.exception(10), Interrupted)
    until = time.monotonic() + 10
    while cluster.objects.list("services"):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_without_an_address_of_the_load_balancer_the_clusters_own_is_told(
    cluster: FakeCluster,
    options: KubernetesOptions,
    pod: MakePod,
    job: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = Kubernetes(options.model_copy(update={"service_type": "LoadBalancer"}))
    cluster.load_balancer = False
    cluster.lives["test"] = lives.goes_on
    with ThreadPoolExecutor() as runners:
        ready = threading.Event()
        runners.submit(runtime.run, pod(""), log=tmp_path / "log", on_line=lambda _: ready.set())
        assert ready.wait(10)
        assert runtime.publish(job, "test", 40022) == Endpoint("10.96.0.1", 22)
        assert "no address of a load balancer" in caplog.text
        assert set(runtime.remove(job)) == {pod("").name}


def test_a_step_that_does_not_run_is_not_published(kubernetes: Kubernetes, job: str) -> None:
    with pytest.raises(NotFound, match="shell"):
        kubernetes.publish(job, "shell", 22)


def test_why_a_pod_waits_is_logged_once(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ims.pods.kubernetes")
    cluster.lives["test"] = lives.pends(lives.NO_ROOM)
    kubernetes.run(pod(""), log=tmp_path / "log")
    assert caplog.text.count("waits: Unschedulable: 0/3 nodes") == 1
