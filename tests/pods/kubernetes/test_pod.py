import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pods.diagnosis import diagnose
from pods.facts import Category
from pods.kubernetes.diagnosis import diagnose_cluster
from pods.kubernetes.pod import PodState

STARTED = {"startedAt": "2026-11-22T12:00:00Z"}
ENDED = STARTED | {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-11-22T12:01:00Z"}


def state(*, meta: dict[str, Any] | None = None, container: dict[str, Any] | None = None, **status: Any) -> PodState:
    shown = {"name": "step", "state": {}, "lastState": {}} | (container or {})
    sidecar = {"name": "istio-proxy", "state": {"running": STARTED}}
    entry = {
        "metadata": {"name": "ims-1-prepare-1", "uid": "1", "annotations": {"ims/deadline-seconds": "3600"}},
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "istio-proxy"},
                {"name": "step", "image": "builder:1", "resources": {"limits": {"memory": "8Gi"}}},
            ],
            "volumes": [{"name": "workspace", "persistentVolumeClaim": {"claimName": "ims-1-workspace"}}],
        },
        "status": {"phase": "Running", "containerStatuses": [sidecar, shown]} | status,
    }
    entry["metadata"] |= meta or {}  # type: ignore[operator]
    return PodState(copy.deepcopy(entry))


def test_a_step_that_ended_is_read() -> None:
    facts = state(container={"state": {"terminated": ENDED | {"exitCode": 3}}}).facts(["bye"], ["Pulled: image"])
    assert (facts.name, facts.image, facts.exit_code, facts.memory) == ("ims-1-prepare-1", "builder:1", 3, "8 GiB")
    assert (facts.claim, facts.node, facts.deadline) == ("ims-1-workspace", "node-1", timedelta(hours=1))
    assert (facts.log_tail, facts.events) == (["bye"], ["Pulled: image"])
    assert (facts.started, facts.finished) == (
        datetime(2026, 11, 22, 12, tzinfo=UTC),
        datetime(2026, 11, 22, 12, 1, tzinfo=UTC),
    )


def test_a_sidecar_does_not_keep_a_step_alive() -> None:
    assert state(container={"state": {"terminated": ENDED}}).is_over
    assert not state(container={"state": {"running": STARTED}}).is_over


def test_a_container_that_its_node_lost_track_of_is_read_from_its_last_state() -> None:
    lost = state(container={"state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {"terminated": ENDED}})
    assert lost.is_over
    assert lost.facts([], []).exit_code == 0


def test_a_container_that_runs_has_not_ended_whatever_it_did_before() -> None:
    running = state(container={"state": {"running": STARTED}, "lastState": {"terminated": ENDED}})
    assert not running.is_over


def test_a_failed_pod_is_not_over_while_its_container_runs() -> None:
    told: dict[str, Any] = {"phase": "Failed", "reason": "DeadlineExceeded"}
    assert not state(container={"state": {"running": STARTED}}, **told).is_over
    assert state(container={"state": {"terminated": ENDED | {"exitCode": 137}}}, **told).is_over


def test_a_pod_without_statuses_may_be_over() -> None:
    evicted = state(phase="Failed", reason="Evicted", message="low on memory", containerStatuses=None)
    assert evicted.is_over
    assert not evicted.has_started
    assert diagnose(evicted.facts([], []), diagnose_cluster).category is Category.EVICTED


def test_an_init_container_that_some_webhook_added_is_named_when_it_fails() -> None:
    failed = {"name": "istio-init", "state": {"terminated": {"exitCode": 1}}}
    verdict = diagnose(state(phase="Failed", initContainerStatuses=[failed]).facts([], []), diagnose_cluster)
    assert verdict.category is Category.RUNTIME_BROKEN
    assert "istio-init failed with exit code 1" in verdict.summary


def test_an_init_containers_waiting_is_the_pods() -> None:
    waiting = {"name": "istio-init", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    assert state(phase="Pending", initContainerStatuses=[waiting]).waiting == ("ImagePullBackOff", "no such image")


@pytest.mark.parametrize("reason", ["ContainerStatusUnknown", "Unknown"])
def test_an_end_that_was_not_seen_is_no_exit_code(reason: str) -> None:
    facts = state(container={"state": {"terminated": ENDED | {"exitCode": 137, "reason": reason}}}).facts([], [])
    assert facts.exit_code is None
    assert diagnose(facts).category is Category.KILLED


def test_a_pod_whose_node_is_gone_is_lost_only_when_it_does_not_come_back() -> None:
    lost = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "taint"}
    running = {"state": {"running": STARTED}}
    just_now = {"deletionTimestamp": datetime.now(UTC).isoformat()}
    long_ago = {"deletionTimestamp": (datetime.now(UTC) - timedelta(minutes=5)).isoformat()}
    assert not state(meta=just_now, container=running, conditions=[lost]).is_over
    assert state(meta=long_ago, container=running, conditions=[lost]).is_over
    # Deleted by a user, and slow to end: that is not lost.
    assert not state(meta=long_ago, container=running).is_over
