"""tasks/job_deletions.py: a job goes with all that it kept; one that runs does not."""

from pathlib import Path

import pytest

from config.settings import settings
from errors import Conflict, ImsError, NotFound
from storage.models.jobs import Job, JobStatus
from storage.models.layout import artifact_key, job_key
from tasks.job_deletions import delete_job
from tasks.pods import runtime
from tests.faults import Call, Fault, Faults
from tests.tasks.scene import Scene

# The pods and the workspace of a job are looked for.
pytestmark = pytest.mark.containers
LOGS = ("prepare.log", "package.log", "context.tgz")


@pytest.fixture(autouse=True)
def _own_data(own_catalogue: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMS_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    runtime.cache_clear()


def ended_job(scene: Scene) -> Job:
    """Return a job that has published an image, and its logs."""
    job = scene.job(JobStatus.SUCCESS, run_id=scene.run())
    scene.end(job.id)
    scene.catalogue.images.create(scene.upload(job.id))
    for name in LOGS:
        scene.store.write(scene.settings.bucket, job_key(job.id, name), b"x")
    return job


def test_a_job_goes_with_all_it_kept_and_its_image_stays(scene: Scene) -> None:
    job, other = ended_job(scene), scene.job(JobStatus.ERROR)
    scene.store.write(scene.settings.bucket, job_key(other.id, "prepare.log"), b"x")
    images = scene.catalogue.images.list()
    delete_job.fn(job.id)
    assert [each.id for each in scene.catalogue.jobs.list(None)] == [other.id]
    assert scene.catalogue.images.list() == images
    names = ("rootfs", "kernel", "initrd", "manifest.json")
    assert scene.keys() == {artifact_key(images[0].id, name) for name in names} | {job_key(other.id, "prepare.log")}
    with pytest.raises(NotFound):
        delete_job.fn(job.id)


def test_a_job_that_runs_is_not_deleted(scene: Scene) -> None:
    run_id = scene.run()
    job = scene.job(run_id=run_id)
    scene.store.write(scene.settings.bucket, job_key(job.id, "prepare.log"), b"x")
    with pytest.raises(Conflict, match=f"job {job.id} is running: it is building_image; cancel it first"):
        delete_job.fn(job.id)
    assert (scene.catalogue.jobs.list(), len(scene.keys())) == ([job], 1)
    scene.end(run_id)
    delete_job.fn(job.id)
    assert (scene.catalogue.jobs.list(), scene.keys()) == ([], set())


def test_a_job_of_a_run_that_prefect_does_not_know_is_closed_first(scene: Scene) -> None:
    job = scene.job()
    with pytest.raises(Conflict, match="Prefect does not know its flow run; `ims reconcile --apply` closes it"):
        delete_job.fn(job.id)
    assert scene.catalogue.jobs.list() == [job]


def test_what_was_cut_off_goes_on(scene: Scene, through: Faults) -> None:
    """At any write: the record goes last, so that the job is still there to be deleted."""
    cut = 0
    while True:
        job = ended_job(scene)
        turn = Turn(cut + 1)
        through.clear()
        through.plan(Fault.ANSWER_500, when=turn.is_now)
        try:
            delete_job.fn(job.id)
        except ImsError:
            assert scene.catalogue.jobs.get(job.id) == job
            delete_job.fn(job.id)
        assert scene.catalogue.jobs.list(None) == []
        assert not any(key.startswith("jobs/") for key in scene.keys())  # noqa: SIM118 - a set, not a dictionary
        if turn.seen <= cut:
            break
        cut += 1
    assert cut == len(LOGS) + 3  # the credentials, the orders to a shell, the objects, the record


class Turn:
    """The nth write."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.seen = 0

    def is_now(self, call: Call) -> bool:
        self.seen += call.is_write
        return call.is_write and self.seen == self._number
