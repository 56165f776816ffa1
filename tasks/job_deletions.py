"""Deleting jobs: pods and workspaces first, then objects, then records. The images that jobs made stay."""

import logging
from collections.abc import Sequence

from config.settings import settings
from errors import Conflict, ImsError
from storage.models.layout import job_prefix
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store
from tasks.jobs import clean_up
from tasks.lost_jobs import has_open_shell, state_of_run
from tasks.retries import retryable

logger = logging.getLogger(__name__)


@retryable
def delete_job(job_id: str) -> None:
    """Delete a job: its pods and workspace, its objects, its record. It cannot be restored.

    Safe to repeat: the record is removed last, so a deletion that was cut off can be run again.

    Raises:
        NotFound: There is no such job.
        Conflict: It is running, or its shell is open.
    """
    job = catalogue().jobs.get(job_id)
    state = state_of_run(job.id)
    if state.is_alive:
        raise Conflict(
            f"job {job.id} is running: it is {job.status}",
            resolution=f"cancel it first: `prefect flow-run cancel {job.flow_run_id}`",
        )
    if not state.is_known and not job.status.is_final:
        raise Conflict(
            f"job {job.id} is {job.status}, and Prefect does not know its flow run",
            resolution="`ims reconcile --apply` closes it when it is old enough",
        )
    if has_open_shell(job):
        raise Conflict(
            f"the shell of job {job.id} is open, although its flow run has ended",
            resolution=f"`ims jobs abort {job.id}` discards what was made in it; then delete the job",
        )
    clean_up(job.id)
    bucket = settings().bucket
    for key in object_store().keys(bucket, job_prefix(job.id)):
        object_store().delete(bucket, key)
    catalogue().jobs.remove(job.id)
    logger.info("job %s is deleted", job.id)


def delete_jobs(job_ids: Sequence[str]) -> None:
    """Delete jobs, one after the other; a job that cannot be deleted is logged, and the others are still deleted.

    Raises:
        Conflict: Some could not be deleted; each is named.
    """
    left: list[str] = []
    for job_id in job_ids:
        try:
            delete_job(job_id)
        except ImsError as error:
            if len(job_ids) == 1:
                raise
            logger.error("%s", error)  # noqa: TRY400 - Prefect logs the traceback
            left.append(job_id)
    if left:
        raise Conflict(f"{len(left)} of {len(job_ids)} jobs could not be deleted: {', '.join(left)}")
