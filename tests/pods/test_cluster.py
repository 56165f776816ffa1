"""What only a real cluster says: why its scheduler, its volumes and its rules let a pod not start."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from errors import Denied
from pods.facts import Category
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from tasks.pods import kubernetes_options
from tests.pods.under_test import UnderTest

pytestmark = pytest.mark.cluster

MakePod = Callable[..., Pod]
MORE_THAN_ANY_NODE_HAS_GIB = 100_000


@pytest.fixture
def tested(on_cluster: UnderTest) -> UnderTest:
    return on_cluster


def hasty(**changes: Any) -> Kubernetes:
    """Return the runtime with little patience for nodes, and other choices."""
    return Kubernetes(kubernetes_options().model_copy(update={"schedule_limit": timedelta(seconds=5)} | changes))


def test_a_pod_that_fits_on_no_node(pod: MakePod, tmp_path: Path) -> None:
    outcome = hasty().run(pod("true", memory_gib=MORE_THAN_ANY_NODE_HAS_GIB), log=tmp_path / "log")
    assert outcome.category is Category.UNSCHEDULABLE
    assert "job_mem_size" in outcome.resolution
    assert any("Insufficient memory" in event for event in outcome.events)


def test_a_storage_class_that_is_not_there(pod: MakePod, job: str, tmp_path: Path) -> None:
    runtime = hasty(storage_class="ims-no-such-class", host_path="")
    claim = Claim(job_id=job, size_gib=1)
    runtime.create_claim(claim)
    try:
        outcome = runtime.run(pod("true", claim=claim.name), log=tmp_path / "log")
        assert outcome.category is Category.VOLUME_NOT_BOUND
        assert "ims-no-such-class" in outcome.summary
    finally:
        runtime.remove(job)


def test_what_the_clusters_rules_refuse(pod: MakePod, tmp_path: Path) -> None:
    with pytest.raises(Denied, match="ims-no-such-class") as refused:
        hasty(runtime_class="ims-no-such-class").run(pod("true"), log=tmp_path / "log")
    assert "IMS_KUBERNETES_" in refused.value.resolution
