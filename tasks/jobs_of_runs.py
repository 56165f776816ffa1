"""Which jobs a flow run works on, or has worked on: the one that it was started for, or those of a chain."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from errors import NotFound
from storage.models.jobs import Job, JobType
from storage.records.catalogue import Catalogue
from storage.records.jobs import chained_job_id


def jobs_of_run(run_id: str, parameters: Mapping[str, Any], records: Catalogue) -> list[Job]:
    """Return the jobs that are a flow run's own: not a job that it only names, nor one that another run has taken.

    Args:
        run_id: The flow run's id, of the outermost one.
        parameters: Its parameters.
        records: Where the jobs' records are.
    """
    chain = {chained_job_id(run_id, job_type) for job_type in JobType}
    named = parameters.get("job_id") or run_id
    jobs = [job for job_id in sorted({run_id, str(named), *chain}) if (job := _job(job_id, records))]
    return [job for job in jobs if job.id in chain or job.flow_run_id == run_id]


def _job(job_id: str, records: Catalogue) -> Job | None:
    with suppress(ValueError, NotFound):
        return records.jobs.get(str(UUID(job_id)))
    return None
