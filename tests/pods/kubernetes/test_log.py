from collections.abc import Callable
from pathlib import Path

import pytest

from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Phase
from tests.kubernetes_api import Call, FakeCluster, Fault, lives
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


def of_log(call: Call) -> bool:
    return call.resource == "pods/log"


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
