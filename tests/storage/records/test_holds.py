"""storage/records/holds.py: of all processes that want a job one works on it, and the others change nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.models.jobs import Attempts, Diagnosis, Hold, Job, JobStatus, JobType
from storage.models.records import new_id, now
from storage.records import jobs
from storage.records.catalogue import Catalogue
from storage.records.holds import HoldLost, JobHeld, release_hold, renew_hold, take_hold
from storage.s3.objects import ObjectStore


@pytest.fixture
def catalogue(store: ObjectStore, bucket: str) -> Catalogue:
    return Catalogue(store, bucket)


@pytest.fixture
def job(catalogue: Catalogue) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
    return catalogue.jobs.create(Job(job_type=JobType.CREATE, **asked))


def hold_of(process: str) -> Hold:
    return Hold(holder=process, host="here", run_id=f"run of {process}", renewed=now())


def test_of_many_that_want_a_job_one_gets_it(catalogue: Catalogue, job: Job) -> None:
    def take(number: int) -> str:
        try:
            return take_hold(catalogue, job.id, hold_of(str(number)), f"run {number}", None).hold.holder  # type: ignore[union-attr]
        except JobHeld:
            return ""

    with ThreadPoolExecutor(8) as pool:
        taken = [holder for holder in pool.map(take, range(16)) if holder]
    stored = catalogue.jobs.get(job.id)
    assert stored.hold is not None
    assert taken == [stored.hold.holder]
    assert stored.flow_run_id == f"run {stored.hold.holder}"


def test_a_hold_that_was_renewed_meanwhile_is_not_taken_over(catalogue: Catalogue, job: Job) -> None:
    first = take_hold(catalogue, job.id, hold_of("first"), "run", None)
    seen = first.hold
    renew_hold(catalogue, first)
    before = catalogue.jobs.get(job.id)
    with pytest.raises(JobHeld, match="flow run run of first is at work on job "):
        take_hold(catalogue, job.id, hold_of("second"), "other", seen)
    assert catalogue.jobs.get(job.id) == before
    again = take_hold(catalogue, job.id, hold_of("second"), "other", before.hold)
    assert again.hold is not None
    assert (again.hold.holder, again.flow_run_id) == ("second", "other")


WRITES: dict[str, Callable[[Catalogue, Job], object]] = {
    "report": lambda catalogue, job: jobs.report(catalogue, job, status=JobStatus.PACKAGING_ARTIFACTS),
    "renew": renew_hold,
    "begin an attempt": lambda catalogue, job: jobs.begin_attempt(catalogue, job, "prepare", 0, 3),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("released", [False, True], ids=["taken over", "ended"])
def test_a_process_that_lost_its_job_writes_nothing(
    catalogue: Catalogue, job: Job, write: Callable[[Catalogue, Job], object], released: bool
) -> None:
    first = take_hold(catalogue, job.id, hold_of("first"), "run", None)
    take_hold(catalogue, job.id, hold_of("second"), "other", first.hold)
    if released:
        release_hold(catalogue, job.id, "second")
    before = catalogue.jobs.get(job.id)
    with pytest.raises(HoldLost, match=f"job {job.id} was taken over or ended by"):
        write(catalogue, first)
    assert catalogue.jobs.get(job.id) == before


def test_only_its_own_hold_is_released(catalogue: Catalogue, job: Job) -> None:
    take_hold(catalogue, job.id, hold_of("first"), "run", None)
    release_hold(catalogue, job.id, "another")
    assert catalogue.jobs.get(job.id).hold is not None
    release_hold(catalogue, job.id, "first")
    assert catalogue.jobs.get(job.id).hold is None


@pytest.mark.parametrize(
    ("category", "starts"), [(Diagnosis.CRASHED, 2), (Diagnosis.SUSPENDED, 2), ("Exhausted", 0), ("transient", 0)]
)
def test_attempts_start_again_when_a_user_asks_again_and_not_when_the_worker_was_lost(
    catalogue: Catalogue, job: Job, category: str, starts: int
) -> None:
    first = take_hold(catalogue, job.id, hold_of("first"), "run", None)
    assert [jobs.begin_attempt(catalogue, first, "prepare", 0, 3).newest for _ in range(2)] == [1, 2]
    jobs.close_job(catalogue, job.id, Diagnosis(category=category, summary="it ended"))
    again = take_hold(catalogue, job.id, hold_of("second"), "run", first.hold)
    assert (again.status, again.diagnosis) == (JobStatus.CREATING, None)
    assert again.attempts == {"prepare": Attempts(newest=2, starts=starts)}
    assert jobs.begin_attempt(catalogue, again, "prepare", 5, 3).newest == 6, "a pod tells of more than the record"
