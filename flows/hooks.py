"""What Prefect calls when a run has ended, in the run's process or, when that was killed, in the worker's."""

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL

from runs import error
from runs.connection import connected
from storage.models.jobs import Job
from storage.records.catalogue import catalogue
from tasks.holds import wait_for_end_of_holder
from tasks.jobs import cancel, mark_crashed
from tasks.jobs_of_runs import jobs_of_run


def write_error(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Leave the error of a failed run as data on the server; when that fails, Prefect logs why in the run's log."""
    with connected(PREFECT_API_URL.value() or "") as client:
        error.write_error(client, str(flow_run.id), state)


def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """End the jobs of a cancelled run. Safe to repeat: the run may have done so itself."""
    for job in _abandoned_jobs(flow_run):
        cancel(job.id)


def mark_jobs_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Say in the records of a killed run's jobs that no process works on them; a job that has ended stays as it is."""
    for job in _abandoned_jobs(flow_run):
        mark_crashed(job.id)


def _abandoned_jobs(flow_run: FlowRun) -> list[Job]:
    """Return the run's jobs, without those that another process works on."""
    jobs = jobs_of_run(str(flow_run.id), flow_run.parameters, catalogue())
    return [job for job in jobs if wait_for_end_of_holder(job)]
