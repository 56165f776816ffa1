import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from errors import Interrupted, NotFound
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Pod
from pods.runtime import Endpoint
from tests.kubernetes_api import FakeCluster, lives
from tests.pods.under_test import UnderTest

MakePod = Callable[..., Pod]


@pytest.fixture
def tested(on_fake: UnderTest) -> UnderTest:
    return on_fake


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, Endpoint("10.96.0.1", 22), id="ClusterIP"),
        pytest.param({"service_type": "NodePort"}, Endpoint("192.0.2.7", 30001, "10.96.0.1", 22), id="NodePort"),
        pytest.param(
            {"service_type": "LoadBalancer"}, Endpoint("198.51.100.1", 22, "10.96.0.1", 22), id="LoadBalancer"
        ),
        pytest.param(
            {
                "service_type": "LoadBalancer",
                "service_annotations": {"external-dns.alpha.kubernetes.io/hostname": "{job_id}.ims.test"},
            },
            Endpoint("JOB.ims.test", 22, "10.96.0.1", 22),
            id="external-dns",
        ),
    ],
)
def test_a_shell_is_reached_by_a_service_that_is_removed_with_its_pod(
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


def test_without_an_address_of_the_load_balancer_the_clusters_own_is_used(
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
