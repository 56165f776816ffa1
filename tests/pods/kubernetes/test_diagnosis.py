import pytest

from pods.facts import Category, Facts
from pods.kubernetes.diagnosis import diagnose_cluster


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        pytest.param("2 Insufficient memory", "job_mem_size", id="memory"),
        pytest.param("3 Insufficient cpu", "IMS_BUILD_CPU_REQUEST", id="processors"),
        pytest.param("1 Insufficient ephemeral-storage", "IMS_POD_STORAGE_REQUEST", id="disk of the node"),
        pytest.param("3 node(s) didn't match Pod's node affinity/selector", "NODE_SELECTOR", id="no such node"),
        pytest.param("1 node(s) had untolerated taint {gpu: true}", "TOLERATIONS", id="taint"),
        pytest.param("1 node(s) were unschedulable", "uncordon", id="cordoned"),
        pytest.param("no nodes available to schedule pods", "kubectl get nodes", id="no nodes"),
        pytest.param("something new", "kubectl describe nodes", id="unknown"),
    ],
)
def test_what_a_pod_misses_leads_to_what_to_do(missing: str, advice: str) -> None:
    verdict = diagnose_cluster(Facts(name="ims-1-prepare-1", reason="Unschedulable", error=f"0/3 nodes: {missing}."))
    assert verdict is not None
    assert verdict.category is Category.UNSCHEDULABLE
    assert missing in verdict.summary
    assert advice in verdict.resolution


@pytest.mark.parametrize(
    "error",
    [
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims",
        '0/1 nodes are available: persistentvolumeclaim "ims-1-workspace" not found',
        "0/3 nodes are available: 3 node(s) had volume node affinity conflict",
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind",
    ],
)
def test_a_claim_that_keeps_a_pod_from_starting_has_its_own_category(error: str) -> None:
    verdict = diagnose_cluster(Facts(name="ims-1-prepare-1", reason="Unschedulable", error=error))
    assert verdict is not None
    assert verdict.category is Category.VOLUME_NOT_BOUND


def test_what_a_cluster_has_no_part_in_is_left_to_others() -> None:
    assert diagnose_cluster(Facts(name="ims-1-prepare-1", error="runc: exec failed")) is None


@pytest.mark.parametrize(
    "error",
    [
        "Pod ephemeral local storage usage exceeds the total limit of containers 10Gi. ",
        'Container step exceeded its local ephemeral storage limit "10Gi". ',
    ],
)
def test_a_pod_that_is_evicted_for_what_it_has_written_is_not_worth_another_try(error: str) -> None:
    verdict = diagnose_cluster(Facts(name="ims-1-shell-1", reason="Evicted", error=error))
    assert verdict is not None
    assert verdict.category is Category.DISK_FULL
    assert "IMS_POD_STORAGE_LIMIT" in verdict.resolution


def test_a_pod_that_is_evicted_because_its_node_is_full_is() -> None:
    error = "The node was low on resource: ephemeral-storage. Threshold quantity: 5Gi, available: 4Gi. "
    verdict = diagnose_cluster(Facts(name="ims-1-shell-1", reason="Evicted", error=error))
    assert verdict is not None
    assert verdict.category is Category.EVICTED
