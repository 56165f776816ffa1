"""What Prefect calls when a run ended and its own process could not put its job in order any more."""

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from tasks.jobs import cancel, lose


def cancel_job(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """End the job of a cancelled run; safe to repeat, so it does no harm when the run has done so itself."""
    cancel(_job_id(flow_run))


def lose_job(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - Prefect's signature
    """Say in the job of a run whose process was killed that nobody works on it; what is finished stays."""
    lose(_job_id(flow_run))


def _job_id(flow_run: FlowRun) -> str:
    return flow_run.parameters.get("job_id") or str(flow_run.id)
