"""The Roles grant what the runtime does, and nothing else. The fake cluster goes by them in all other tests as well."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.runtime import Kubernetes
from pods.manifest import Claim, Pod
from tests.kubernetes_api import FakeCluster, Fault, lives
from tests.kubernetes_api.kubelet import Life
from tests.kubernetes_api.rights import HOST_PATH_ROLE, ROLE, Right, rights_of
from tests.pods.under_test import IMPATIENT

OPTIONS = IMPATIENT.model_copy(update={"removal_limit": timedelta(seconds=1), "tools_image": "tools:1"})
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
KINDS = ("pods", "pods/log", "persistentvolumeclaims", "services", "events", "configmaps", "secrets")


class Job:
    """A job on a fake cluster that lets everybody do everything.

    Args:
        cluster: The cluster.
        options: The runtime's.
        folder: Where logs go.
    """

    def __init__(self, cluster: FakeCluster, options: KubernetesOptions, folder: Path) -> None:
        self.id = str(uuid4())
        self.runtime = Kubernetes(options)
        self.claim = Claim(job_id=self.id, size_gib=1)
        self.cluster = cluster
        self.folder = folder
        cluster.rights = set(product(VERBS, KINDS))

    def pod(self, step: str) -> Pod:
        return Pod(
            job_id=self.id,
            step=step,
            image="tools:1",
            command=["true"],
            claim=self.claim.name,
            memory_gib=1,
            deadline=timedelta(minutes=1),
        )

    def run(self, step: str, life: Life, on_line: Callable[[str], None] = lambda line: None) -> None:
        self.cluster.lives[step] = life
        self.runtime.run(self.pod(step), log=self.folder / step, on_line=on_line)

    def serve_a_shell(self) -> None:
        """Publish a step's port, and end the job under it."""
        ready = Event()
        with ThreadPoolExecutor() as runners:
            run = runners.submit(self.run, "shell", lives.goes_on, lambda _: ready.set())
            assert ready.wait(10)
            for _ in range(2):
                self.runtime.publish(self.id, "shell", 40022)
            assert self.id in self.runtime.jobs()
            self.runtime.remove(self.id)
            run.result()

    def live(self) -> None:
        """Do what jobs do: run, adopt, follow, fail, tell why, serve, be removed."""
        self.runtime.create_claim(self.claim)
        self.run("good", lives.talks(3, 0.1))
        self.run("good", lives.talks(3, 0.1))
        assert self.runtime.outcome(self.pod("good").name)
        self.run("bad", lives.ends_with(1, "sorry"))
        self.run("homeless", lives.pends(lives.NO_ROOM))
        self.run("imageless", lives.image_cannot_be_pulled)
        # The log of a step that runs is lost, and its watch expires: it goes on from lists.
        self.cluster.faults.plan(Fault.CUT, when=lambda call: call.resource == "pods/log")
        self.cluster.faults.plan(Fault.EXPIRED, when=lambda call: call.verb == "watch")
        self.run("faulty", lives.talks(3, 0.1))
        self.serve_a_shell()

    def called(self) -> set[Right]:
        return {(call.verb, call.resource) for call in self.cluster.calls}


def test_the_role_grants_what_the_runtime_does_and_no_more(cluster: FakeCluster, tmp_path: Path) -> None:
    job = Job(cluster, OPTIONS.model_copy(update={"service_type": "LoadBalancer"}), tmp_path)
    job.live()
    assert job.called() == rights_of(ROLE)


def test_folders_of_the_node_take_rights_on_what_stands_for_them(cluster: FakeCluster, tmp_path: Path) -> None:
    job = Job(cluster, OPTIONS.model_copy(update={"host_path": str(tmp_path / "node")}), tmp_path)
    job.live()
    without = {(verb, kind) for verb, kind in rights_of(ROLE) if kind == "persistentvolumeclaims"}
    assert job.called() == rights_of(ROLE, HOST_PATH_ROLE) - without


def test_the_fake_cluster_refuses_what_the_role_does_not_grant(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(cluster, OPTIONS, tmp_path)
    cluster.rights = rights_of(ROLE) - {("list", "events")}
    job.runtime.create_claim(job.claim)
    job.run("bad", lives.ends_with(1, "sorry"))
    assert "events is forbidden" in caplog.text
