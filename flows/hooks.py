"""What Prefect calls when a run ended and its own process could not put its job in order any more."""

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from storage.job_models import JobType
from storage.jobs import chained_job_id
from tasks.jobs import cancel, lose


def cancel_job(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """End the job of a cancelled run; safe to repeat, so it does no harm when the run has done so itself."""
    cancel(_job_id(flow_run))


def lose_job(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Say in the job of a run whose process was killed that nobody works on it; what is finished stays."""
    lose(_job_id(flow_run))


def cancel_chain(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """End the jobs of a cancelled run that starts several in turn; one that has succeeded stays as it is."""
    for job_type in JobType:
        cancel(chained_job_id(str(flow_run.id), job_type))


def lose_chain(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Say in the jobs of a run that starts several in turn that nobody works on them."""
    for job_type in JobType:
        lose(chained_job_id(str(flow_run.id), job_type))


def _job_id(flow_run: FlowRun) -> str:
    return flow_run.parameters.get("job_id") or str(flow_run.id)
