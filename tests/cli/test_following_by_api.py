"""Following a job by the REST API: each status once, also over an API that does not answer for a while."""

from typing import cast

import pytest

from cli.door import Door
from cli.following_by_api import follow_status, suppressed_until
from errors import Unreachable
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.kinds import RecordKind
from storage.models.records import new_id


class Answers:
    """A door that answers with one status after the other, and None as if it were away."""

    def __init__(self, job: Job, statuses: list[JobStatus | None]) -> None:
        self._job, self._statuses = job, statuses

    def get(self, kind: RecordKind, record_id: str) -> Job:
        assert (kind, record_id) == (RecordKind.JOB, self._job.id)
        status = self._statuses.pop(0)
        if status is None:
            raise Unreachable("away")
        return self._job.model_copy(update={"status": status})


def test_each_status_is_shown_once_until_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    job = Job(job_type=JobType.CREATE, artifact_id=new_id(), public_key_id=new_id(), image_root_archive_name="i")
    answers = Answers(job, [JobStatus.CREATING, JobStatus.BUILDING_IMAGE, None, JobStatus.ERROR])
    ended = follow_status(cast("Door", answers), job, poll_seconds=0)
    assert ended is not None
    assert ended.status is JobStatus.ERROR
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["creating", "building_image", "error"]


def test_an_api_that_is_away_for_long_ends_the_command() -> None:
    with pytest.raises(Unreachable), suppressed_until(0):
        raise Unreachable("away")
