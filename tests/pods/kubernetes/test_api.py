import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from errors import BadInput, Denied, Unreachable
from pods.kubernetes.api import ClusterApi, Kind
from pods.kubernetes.config import connect
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Phase
from tests.kubernetes_api import Call, FakeCluster, Fault, lives
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


def test_an_api_server_that_does_not_answer_is_waited_for(
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
    assert lines == [str(number) for number in range(1, 31)]


def test_an_api_server_that_never_answers_may_be_asked_later(
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


def test_a_removal_never_meets_another_object_of_the_same_name(
    cluster: FakeCluster, options: KubernetesOptions
) -> None:
    api = ClusterApi(*connect(options), options)
    manifest = {"metadata": {"name": "a", "labels": {}}, "spec": {}}
    first = api.create(Kind.CONFIG_MAPS, manifest)
    api.delete(Kind.CONFIG_MAPS, first)
    second = api.create(Kind.CONFIG_MAPS, manifest)
    api.delete(Kind.CONFIG_MAPS, first)
    assert cluster.objects.list("configmaps") == [second]
