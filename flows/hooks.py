"""What Prefect calls when a run ended and its own process could not put its jobs in order any more."""

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from storage.models.jobs import Job
from tasks.holds import wait_for_end_of_holder
from tasks.jobs import cancel, mark_crashed
from tasks.jobs_of_runs import jobs_of_run


def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """End the jobs of a cancelled run; safe to repeat, so it does no harm when the run has done so itself."""
    for job in _abandoned_jobs(flow_run):
        cancel(job.id)


def mark_jobs_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Write to the jobs of a run whose process was killed that nobody works on them; what is finished stays."""
    for job in _abandoned_jobs(flow_run):
        mark_crashed(job.id)


def _abandoned_jobs(flow_run: FlowRun) -> list[Job]:
    """Return the run's jobs, without those that a second process works on."""
    return [job for job in jobs_of_run(str(flow_run.id), flow_run.parameters) if wait_for_end_of_holder(job)]
