"""api/state_metrics.py: jobs are counted by their records."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.state_metrics import DURATIONS, metrics_of
from storage.models.jobs import Diagnosis, Job, JobStatus, JobType
from storage.models.records import new_id

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(status: JobStatus, *, seconds: float | None = None, category: str = "") -> Job:
    ended = None if seconds is None else NOON + timedelta(seconds=seconds)
    failed = Diagnosis(category=category, summary="s") if category else None
    return Job(
        job_type=JobType.CREATE,
        artifact_id=new_id(),
        public_key_id=new_id(),
        image_root_archive_name="n",
        created=NOON,
        status=status,
        ended=ended,
        diagnosis=failed,
    )


def samples(*jobs: Job) -> dict[tuple[Any, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value for metric in metrics_of(jobs) for sample in metric.samples
    }


def test_failures_are_counted_by_their_cause() -> None:
    found = samples(
        job(JobStatus.ERROR, category="evicted"),
        job(JobStatus.ERROR, category="evicted"),
        job(JobStatus.ERROR),
        # A shell that waits although its job is not complete has failed nothing.
        job(JobStatus.WAITING_ON_USER, category="NotComplete"),
    )
    failures = {key: value for key, value in found.items() if key[0] == "ims_job_failures"}
    assert failures == {("ims_job_failures", "create", "evicted"): 2}
    assert found["ims_jobs", "create", "error"] == 3


@settings(max_examples=15, deadline=None)
@given(taken=st.lists(st.floats(0, 200_000), max_size=6))
def test_durations_are_counted_in_the_bucket_that_they_are_in(taken: list[float]) -> None:
    jobs = [job(JobStatus.SUCCESS, seconds=each) for each in taken]
    found = samples(*jobs, job(JobStatus.BUILDING_IMAGE), job(JobStatus.ERROR))
    exact = [each.ended.timestamp() - NOON.timestamp() for each in jobs if each.ended]
    for limit in DURATIONS:
        seconds = limit.total_seconds()
        counted = found.get(("ims_job_seconds_bucket", "create", "success", str(int(seconds))), 0)
        assert counted == sum(each <= seconds for each in exact)
    assert found.get(("ims_job_seconds_count", "create", "success"), 0) == len(taken)
