"""tasks/jobs_of_runs.py: a run's end is the end of its own jobs, and of no others that it names."""

from storage.models.jobs import Job, JobType
from storage.models.records import new_id
from storage.records.catalogue import Catalogue
from storage.records.jobs import chained_job_id
from tasks.jobs_of_runs import jobs_of_run


def add_job(catalogue: Catalogue, job_id: str, run_id: str) -> Job:
    asked = {"artifact_id": new_id(), "public_key_id": new_id(), "image_root_archive_name": "image"}
    return catalogue.jobs.create(Job(id=job_id, job_type=JobType.CREATE, flow_run_id=run_id, **asked))


def test_a_runs_jobs_are_the_one_named_after_it_the_one_it_took_and_those_of_its_chain(
    own_catalogue: Catalogue,
) -> None:
    run_id = new_id()
    named = add_job(own_catalogue, run_id, run_id)
    taken = add_job(own_catalogue, new_id(), run_id)
    # The flows of a chain are runs of their own.
    chained = [add_job(own_catalogue, chained_job_id(run_id, job_type), new_id()) for job_type in JobType]
    assert {job.id for job in jobs_of_run(run_id, {"job_id": taken.id}, own_catalogue)} == {
        taken.id,
        named.id,
        *(j.id for j in chained),
    }
    assert {job.id for job in jobs_of_run(run_id, {}, own_catalogue)} == {named.id, *(job.id for job in chained)}


def test_a_job_that_a_run_only_names_is_not_its_own(own_catalogue: Catalogue) -> None:
    """As a run that ends a shell does, or one that met a conflict: when it is cancelled, the job goes on."""
    others = add_job(own_catalogue, new_id(), new_id())
    assert jobs_of_run(new_id(), {"job_id": others.id, "operation": "complete"}, own_catalogue) == []
    assert jobs_of_run(new_id(), {"job_id": "no id"}, own_catalogue) == []
    assert jobs_of_run(new_id(), {"job_id": new_id()}, own_catalogue) == []
