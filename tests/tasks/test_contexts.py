"""tasks/contexts.py: what the pods are told."""

from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from tasks.contexts import options


def test_the_programs_get_the_names_that_the_job_asks_for() -> None:
    job = Job(
        job_type=JobType.CREATE,
        artifact_id=new_id(),
        public_key_id=new_id(),
        image_root_archive_name="x",
        kernel_file_name="bzImage",
    )
    chosen = options(job)
    assert (chosen.kernel_file_name, chosen.initrd_file_name) == ("bzImage", "initrd")
    assert chosen.epoch == int(job.created.timestamp())
