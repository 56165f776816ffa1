"""The flow that deletes jobs."""

from prefect import flow

from flows.hooks import write_error
from storage.models.fields import Id
from tasks import job_deletions


@flow(name="delete-jobs", flow_run_name="delete jobs", on_failure=[write_error])
def delete_jobs(job_ids: list[Id]) -> None:
    """Delete jobs with their logs, pods and workspaces. They cannot be restored; the images they made are kept.

    A job that is running is not deleted. Safe to run again: it continues where it stopped.

    Args:
        job_ids: The jobs, as listed by `ims jobs list`.
    """
    job_deletions.delete_jobs(job_ids)
