"""Two flow processes that want the same job: one works on it, the other ends with a conflict and changes nothing."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from storage.models.jobs import Hold, Job, JobStatus
from storage.models.records import new_id
from tests.flows.site import Run, Site
from tests.kubernetes_api import FakeCluster, lives
from tests.kubernetes_api.live_pod import LivePod

pytestmark = [pytest.mark.containers]


def hold_of(site: Site, job_id: str) -> Hold:
    hold = site.job(job_id).hold
    assert hold is not None
    return hold


def without_hold(job: Job) -> Job:
    return job.model_copy(update={"hold": None})


@contextmanager
def at_work(site: Site, cluster: FakeCluster, job_id: str) -> Iterator[tuple[Run, threading.Event]]:
    """A run whose first pod is at work until the event is set."""
    enough = threading.Event()

    def works(pod: LivePod) -> None:
        lives.begin(pod, "started")
        while not enough.is_set() and not pod.stop.is_set():
            pod.pause(0.05)
        pod.exit(0)

    cluster.lives |= {"prepare": works, "package": lives.ends_with(1, "error: enough of it")}
    run = site.start(job_id)
    site.wait_for(lambda: bool(cluster.objects.list("pods")))
    yield run, enough
    enough.set()


def test_a_second_run_of_a_job_ends_with_a_conflict_and_changes_nothing(on_cluster: Site, cluster: FakeCluster) -> None:
    job_id = new_id()
    with at_work(on_cluster, cluster, job_id) as (first, enough):
        on_cluster.wait_for(lambda: on_cluster.job(job_id).status is JobStatus.BUILDING_IMAGE)
        before, pods = on_cluster.job(job_id), cluster.objects.list("pods")
        second = on_cluster.start(job_id)
        assert second.wait() == 1
        said = second.log.read_text()
        assert f"JobHeld: flow run {before.flow_run_id} is at work on job {job_id}, on host " in said
        assert without_hold(on_cluster.job(job_id)) == without_hold(before)
        assert cluster.objects.list("pods") == pods
        assert first.process.is_alive()
        enough.set()
        assert first.wait() == 1
        assert "enough of it" in str(on_cluster.job(job_id).diagnosis)
        assert on_cluster.job(job_id).hold is None


def test_of_two_processes_that_resume_the_same_run_one_works_and_the_runs_state_is_its_own(
    on_cluster: Site, cluster: FakeCluster
) -> None:
    job_id = new_id()
    with at_work(on_cluster, cluster, job_id) as (killed, enough):
        on_cluster.wait_for(lambda: on_cluster.job(job_id).status is JobStatus.BUILDING_IMAGE)
        killed.kill()
        killed.wait()
        run_id = on_cluster.job(job_id).flow_run_id
        both = [on_cluster.resume(job_id, run_id) for _ in range(2)]
        on_cluster.wait_for(lambda: any(not run.process.is_alive() for run in both))
        [loser] = [run for run in both if not run.process.is_alive()]
        [winner] = [run for run in both if run.process.is_alive()]
        assert f"flow run {run_id} is at work on job {job_id}" in loser.log.read_text()
        assert on_cluster.state_of_run(job_id) == "Running", "the loser says nothing of the run"
        enough.set()
        assert winner.wait() == 1
        assert on_cluster.state_of_run(job_id) == "Failed"
    assert "enough of it" in str(on_cluster.job(job_id).diagnosis)
    made = [call.name for call in cluster.calls if (call.verb, call.resource) == ("create", "pods")]
    assert len(made) == 2, "prepare once, package once"


def test_a_process_that_slept_while_another_took_its_job_over_touches_nothing(
    on_cluster: Site, cluster: FakeCluster
) -> None:
    """As a host that was suspended; the other one is on another host, and waits until the hold is not renewed."""
    job_id = new_id()
    with at_work(on_cluster, cluster, job_id) as (slept, enough):
        on_cluster.wait_for(lambda: on_cluster.job(job_id).status is JobStatus.BUILDING_IMAGE)
        first = on_cluster.job(job_id).flow_run_id
        slept.interrupt(signal.SIGSTOP)
        began = time.monotonic()
        second = on_cluster.start(job_id)
        on_cluster.wait_for(lambda: hold_of(on_cluster, job_id).run_id != first)
        assert time.monotonic() - began > 10, "it watches for a while before it takes the job over"
        on_cluster.wait_for(lambda: second.log.exists() and "is there already" in second.log.read_text())
        slept.interrupt(signal.SIGCONT)
        on_cluster.wait_for(lambda: not slept.process.is_alive())
        assert f"job {job_id} was taken over or ended by flow run" in slept.log.read_text()
        assert second.process.is_alive()
        assert len(cluster.objects.list("pods")) == 1
        assert on_cluster.job(job_id).status is JobStatus.BUILDING_IMAGE
        enough.set()
        assert second.wait() == 1
    assert "enough of it" in str(on_cluster.job(job_id).diagnosis)
