import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from errors import Conflict
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Phase
from tests.kubernetes_api import FakeCluster, Fault, lives
from tests.kubernetes_api.admission import RESOURCES
from tests.pods.runners import kill, start_runner
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


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
    container = {"name": "step", "image": "x", "env": [], "command": ["true"], "resources": RESOURCES}
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


def test_a_pod_that_is_being_removed_is_waited_for_and_created_again(
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


def test_why_a_pod_waits_is_logged_once(
    cluster: FakeCluster, kubernetes: Kubernetes, pod: MakePod, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pods.kubernetes")
    cluster.lives["test"] = lives.pends(lives.NO_ROOM)
    kubernetes.run(pod(""), log=tmp_path / "log")
    assert caplog.text.count("waits: Unschedulable: 0/3 nodes") == 1
