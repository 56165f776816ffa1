from collections.abc import Callable
from pathlib import Path

import pytest

from errors import Interrupted
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Phase
from tests.kubernetes_api import Call, FakeCluster, Fault, lives
from tests.kubernetes_api.live_pod import LivePod
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


def of_watch(call: Call) -> bool:
    return call.verb == "watch"


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


@pytest.mark.slow
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
