"""tasks/lost_jobs.py: jobs that nobody works on are closed, and their pods and volumes go."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from prefect.states import Cancelled, Suspended

from builder.contract.shell_orders import Operation
from config.settings import settings
from errors import Conflict, Unreachable
from pods.kubernetes.manifest import pod_for_kubernetes
from pods.manifest import Claim, Pod
from pods.podman.runtime import Podman
from storage.models.jobs import Job, JobStatus
from storage.models.layout import credentials_key, shell_orders_key
from storage.models.records import new_id
from storage.reconcile.findings import Finding, Outcome
from storage.records.shell_orders import end_shell
from tasks.job_deletions import delete_job
from tasks.jobs import SUSPENDED, mark_crashed, mark_interrupted, take_job
from tasks.lost_jobs import repair_jobs, repair_pods
from tasks.pods import kubernetes_options, runtime
from tests.kubernetes_api import FakeCluster, lives
from tests.tasks.scene import HOUR, NO_AGE, Scene


def outcomes(findings: list[Finding]) -> dict[str, Outcome]:
    """Return what became of each job."""
    return {finding.what.split()[-1]: finding.outcome for finding in findings}


def test_a_job_whose_run_has_ended_is_closed(scene: Scene) -> None:
    alive, lost = scene.job(run_id=scene.run()), scene.job(run_id=scene.run())
    done = scene.job(JobStatus.SUCCESS)
    scene.end(lost.id)
    wanted = {alive.id: Outcome.AT_WORK, lost.id: Outcome.PENDING}
    assert outcomes(repair_jobs.fn(HOUR, apply=False)) == wanted
    assert scene.catalogue.jobs.get(lost.id) == lost
    assert outcomes(repair_jobs.fn(HOUR, apply=True)) == wanted | {lost.id: Outcome.DONE}
    closed = scene.catalogue.jobs.get(lost.id)
    assert closed.status is JobStatus.ERROR
    assert closed.diagnosis is not None
    assert closed.diagnosis.summary == "its flow run ended as Crashed while the job was building_image"
    assert [scene.catalogue.jobs.get(job.id) for job in (alive, done)] == [alive, done]
    assert outcomes(repair_jobs.fn(HOUR, apply=True)) == {alive.id: Outcome.AT_WORK}


def test_a_run_that_prefect_does_not_know_may_be_anothers_while_it_is_young(scene: Scene) -> None:
    job = scene.job()
    assert outcomes(repair_jobs.fn(HOUR, apply=True)) == {job.id: Outcome.YOUNG}
    assert scene.catalogue.jobs.get(job.id) == job
    assert outcomes(repair_jobs.fn(NO_AGE, apply=True)) == {job.id: Outcome.DONE}


def test_a_job_is_at_work_by_the_run_that_took_it_up_last(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the run before it was killed, and nobody has closed its job."""
    first, second = scene.run(), scene.run()
    fields = {
        "job_type": "create",
        "artifact_id": new_id(),
        "public_key_id": new_id(),
        "image_root_archive_name": "image",
    }
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", first)
    job: Job = take_job.fn("", **fields)
    scene.end(first)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", second)
    assert take_job.fn(job.id, **fields).flow_run_id == second
    assert outcomes(repair_jobs.fn(NO_AGE, apply=True)) == {job.id: Outcome.AT_WORK}


def test_without_prefects_word_no_job_is_taken_for_lost(scene: Scene) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    job = scene.job()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), pytest.raises(Unreachable):
        repair_jobs.fn(NO_AGE, apply=True)
    assert scene.catalogue.jobs.get(job.id) == job


def test_a_job_whose_process_was_killed_waits_on_its_user_while_its_shell_is_open(scene: Scene) -> None:
    """So orders reach the shell, and the image that it customizes is not deleted."""
    job = scene.shell(scene.job(run_id=scene.run()), HOUR)
    ended = scene.shell(scene.job(run_id=scene.run()), -HOUR)
    for each in (job, ended):
        scene.end(each.id)
    # Killed anew just after it was taken up.
    scene.catalogue.jobs.change(job.id, lambda known: known.model_copy(update={"status": JobStatus.FETCHING_IMAGE}))
    for each in (job, ended):
        mark_crashed(each.id)
    left, closed = scene.catalogue.jobs.get(job.id), scene.catalogue.jobs.get(ended.id)
    assert (left.status, left.ssh_containers) == (JobStatus.WAITING_ON_USER, job.ssh_containers)
    assert left.diagnosis is not None
    assert left.diagnosis.summary == "the process that worked on the job was killed"
    assert left.diagnosis.resolution.startswith("its shell stays open until its limit: retry its flow run")
    assert (closed.status, [shell.command for shell in closed.ssh_containers]) == (JobStatus.ERROR, [""])
    assert outcomes(repair_jobs.fn(NO_AGE, apply=True)) == {job.id: Outcome.LEFT}
    with pytest.raises(Conflict, match="is open, although its flow run has ended; `ims jobs abort"):
        delete_job.fn(job.id)
    assert scene.catalogue.jobs.get(job.id) == left
    end_shell(scene.store, scene.settings.bucket, left, Operation.ABORT)
    assert outcomes(repair_jobs.fn(NO_AGE, apply=True)) == {job.id: Outcome.DONE}


def test_the_run_that_takes_a_job_up_again_is_not_the_one_that_was_killed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = scene.run()
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run_id)
    fields = {
        "job_type": "create",
        "artifact_id": new_id(),
        "public_key_id": new_id(),
        "image_root_archive_name": "image",
    }
    scene.shell(take_job.fn("", **fields), HOUR)
    mark_crashed(run_id)
    again = take_job.fn("", **fields)
    assert (again.status, again.diagnosis) == (JobStatus.WAITING_ON_USER, None)


@pytest.fixture
def podman(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Podman]:
    """The tasks' own Podman."""
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    runtime.cache_clear()
    yield Podman(tmp_path / "podman")
    runtime.cache_clear()


@pytest.mark.containers
def test_volumes_of_jobs_that_have_ended_go_and_no_others(
    scene: Scene, podman: Podman, request: pytest.FixtureRequest
) -> None:
    alive, ended, resumed = (scene.job(JobStatus.ERROR, run_id=scene.run()) for _ in range(3))
    forgotten, anothers = scene.run(), new_id()
    for run_id in (ended.id, resumed.id, forgotten):
        scene.end(run_id)
    again = scene.run()
    scene.catalogue.jobs.change(resumed.id, lambda job: job.model_copy(update={"flow_run_id": again}))
    scene.store.write(scene.settings.bucket, credentials_key(ended.id), b"{}")
    shell = scene.shell(scene.job(run_id=scene.run()), HOUR)
    scene.end(shell.id)
    all_of_them = {alive.id, ended.id, resumed.id, forgotten, anothers, shell.id}
    for job_id in all_of_them:
        podman.create_claim(Claim(job_id=job_id, size_gib=1))
        request.addfinalizer(partial(podman.remove, job_id))

    def ours(age: timedelta, *, apply: bool) -> dict[str, Outcome]:
        # Others may have workspaces on this host.
        return {name: found for name, found in outcomes(repair_pods.fn(age, apply)).items() if name in all_of_them}

    young = {ended.id: Outcome.YOUNG, forgotten: Outcome.YOUNG, anothers: Outcome.LEFT, shell.id: Outcome.LEFT}
    assert ours(HOUR, apply=True) == young
    assert podman.jobs().keys() >= {ended.id, forgotten}
    assert ours(NO_AGE, apply=False) == young | {ended.id: Outcome.PENDING, forgotten: Outcome.PENDING}
    assert podman.jobs().keys() >= {ended.id, forgotten}
    assert ours(NO_AGE, apply=True) == young | {ended.id: Outcome.DONE, forgotten: Outcome.DONE}
    left = podman.jobs().keys()
    assert left >= {alive.id, resumed.id, anothers, shell.id}
    assert not left & {ended.id, forgotten}
    assert scene.keys() == {shell_orders_key(shell.id)}
    assert ours(NO_AGE, apply=True) == {anothers: Outcome.LEFT, shell.id: Outcome.LEFT}


def test_a_job_whose_suspended_run_was_cancelled_is_cancelled_too(
    scene: Scene, cluster: FakeCluster, on_cluster: pytest.MonkeyPatch
) -> None:
    cancelled, waiting = (scene.job(run_id=scene.run()) for _ in range(2))
    for job in (cancelled, waiting):
        mark_interrupted(job.id, SUSPENDED)
        runtime().create_claim(Claim(job_id=job.id, size_gib=1))
    scene.end(cancelled.id, Cancelled())
    scene.end(waiting.id, Suspended())
    assert outcomes(repair_jobs.fn(HOUR, apply=True)) == {cancelled.id: Outcome.DONE}
    told = [scene.catalogue.jobs.get(job.id).diagnosis for job in (cancelled, waiting)]
    assert [diagnosis and diagnosis.summary for diagnosis in told] == ["cancelled", "suspended"]
    assert list(runtime().jobs()) == [waiting.id]
    assert repair_jobs.fn(HOUR, apply=True) == []


def test_of_a_job_whose_process_was_killed_after_its_success_nothing_is_left(
    scene: Scene, cluster: FakeCluster, on_cluster: pytest.MonkeyPatch
) -> None:
    job = scene.job(JobStatus.SUCCESS, run_id=scene.run())
    runtime().create_claim(Claim(job_id=job.id, size_gib=1))
    mark_crashed(job.id)
    assert runtime().jobs() == {}
    assert scene.catalogue.jobs.get(job.id) == job


def test_pods_of_a_job_that_is_not_run_again_are_removed_from_a_cluster(
    scene: Scene, cluster: FakeCluster, on_cluster: pytest.MonkeyPatch
) -> None:
    """Also one that is still at work, and one of a run that Prefect knows and that has no record."""
    cluster.lives["prepare"] = lives.goes_on
    alive, killed = (scene.job(JobStatus.ERROR, run_id=scene.run()) for _ in range(2))
    forgotten = scene.run()
    for run_id in (killed.id, forgotten):
        scene.end(run_id)
    for job_id in (alive.id, killed.id, forgotten):
        claim = Claim(job_id=job_id, size_gib=1)
        runtime().create_claim(claim)
        pod = Pod(
            job_id=job_id,
            step="prepare",
            image="tools:1",
            command=["true"],
            claim=claim.name,
            memory_gib=1,
            deadline=timedelta(minutes=1),
        )
        cluster.create("pods", pod_for_kubernetes(pod, kubernetes_options()))
    assert outcomes(repair_pods.fn(HOUR, apply=True)) == {killed.id: Outcome.YOUNG, forgotten: Outcome.YOUNG}
    assert outcomes(repair_pods.fn(NO_AGE, apply=True)) == {killed.id: Outcome.DONE, forgotten: Outcome.DONE}
    assert list(runtime().jobs()) == [alive.id]
    assert [pod["metadata"]["labels"]["ims/job-id"] for pod in cluster.objects.list("pods")] == [alive.id]
