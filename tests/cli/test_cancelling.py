"""`ims jobs cancel`, as far as it gets without a worker: what has ended, or has no run, is not cancelled."""

import pytest

from cli.cancelling import _refuse_ended, cancel
from errors import Conflict
from runs.client import connected
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.records import new_id


def job(status: JobStatus) -> Job:
    return Job(
        job_type=JobType.CREATE,
        artifact_id=new_id(),
        public_key_id=new_id(),
        image_root_archive_name="i",
        status=status,
    )


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.ERROR])
def test_a_job_that_has_ended_is_not_cancelled(status: JobStatus) -> None:
    with pytest.raises(Conflict, match=f"has ended: {status}"):
        cancel(job(status))


def test_a_job_of_another_server_is_named(prefect_api: str) -> None:
    waiting = job(JobStatus.BUILDING_IMAGE)
    with connected(prefect_api) as runs, pytest.raises(Conflict, match=f"has no run of job {waiting.id}"):
        _refuse_ended(runs, waiting, waiting.id)
