"""The logs of a job's steps: in the order of the record, one or all, and harmless to a terminal."""

import io

import pytest

from cli.job_logs import chosen_steps, copy_log, steps_with_logs
from config.settings import settings
from errors import NotFound
from storage.models.jobs import Job, JobStatus, JobType
from storage.models.layout import job_key
from storage.models.records import Link, new_id
from storage.records.catalogue import Catalogue
from storage.s3.objects import ObjectStore
from tests.memory_s3.fixtures import in_memory
from tests.tasks.conftest import own_catalogue

__all__ = ["own_catalogue"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def job(status: JobStatus = JobStatus.ERROR, logs: tuple[str, ...] = ()) -> Job:
    known = Job(
        job_type=JobType.CREATE,
        artifact_id=new_id(),
        public_key_id=new_id(),
        image_root_archive_name="i",
        status=status,
    )
    return known.model_copy(
        update={"logs": [Link(path=f"s3://ims/{job_key(known.id, f'{step}.log')}") for step in logs]}
    )


@in_memory
def test_the_steps_are_in_the_order_of_the_record(own_catalogue: Catalogue, store: ObjectStore) -> None:
    known = job(logs=("prepare", "package", "gone"))
    for name in ("upload.log", "package.log", "prepare.log", "context.tgz"):
        store.write(settings().bucket, job_key(known.id, name), b"x")
    assert steps_with_logs(store, known) == ["prepare", "package", "upload"]


def test_one_step_or_all_are_chosen_and_a_missing_one_is_named_with_those_that_are_there() -> None:
    assert chosen_steps(job(), ["prepare", "package"], "") == ["prepare", "package"]
    assert chosen_steps(job(), ["prepare", "package"], "package") == ["package"]
    with pytest.raises(NotFound, match="no log of a step 'upload'; it has those of prepare, package"):
        chosen_steps(job(), ["prepare", "package"], "upload")


def test_a_job_without_logs_says_what_to_do() -> None:
    with pytest.raises(NotFound, match="it ended before its first pod had"):
        chosen_steps(job(), [], "")
    building = job(JobStatus.BUILDING_IMAGE)
    with pytest.raises(NotFound, match=f"ims jobs logs {building.id} --follow"):
        chosen_steps(building, [], "")


def test_a_log_cannot_control_a_terminal_and_is_whole_elsewhere() -> None:
    text = "\x1b]0;title\x07one\r\n\ttwo\x9b31m\n"
    shown, kept = Terminal(), io.StringIO(newline="")
    copy_log(io.StringIO(text, newline=""), shown)
    copy_log(io.StringIO(text, newline=""), kept)
    assert shown.getvalue() == "]0;titleone\n\ttwo31m\n"
    assert kept.getvalue() == text
