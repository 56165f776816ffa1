"""What the inspection of an image root has found, in the job's record, in the run's log and as an artifact."""

import logging

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext, TaskRunContext

from builder.contract.inspection import Inspection as Document
from builder.contract.inspection import Weight
from builder.contract.unreadable import Unreadable
from config.settings import settings
from errors import NotFound
from storage.models.inspections import Finding, Inspection
from storage.models.jobs import Job
from storage.models.layout import job_key
from storage.s3.objects import object_store
from tasks.diagnoses import plain
from tasks.jobs import report

logger = logging.getLogger(__name__)


def inspection_key(job: Job) -> str:
    """Return where the pod hands in what it has found."""
    return job_key(job.id, "inspection.json")


def keep_inspection(job: Job) -> None:
    """Keep what the pod has found in the job's record, and show it; nothing when it has not inspected the root.

    Safe to repeat.
    """
    try:
        body, _ = object_store().read(settings().bucket, inspection_key(job))
        document = Document.from_json(body)
    except NotFound:
        return
    except Unreadable as error:
        logger.warning("what was found in the image root cannot be read: %s", error)
        return
    inspection = Inspection.model_validate(document.to_values())
    report(job, inspection=inspection)
    for finding in inspection.findings:
        log = logger.error if finding.weight == Weight.ERROR else logger.warning
        log("image root: %s: %s (%s)", finding.name, finding.what, finding.advice)
    _show(inspection, job)


def markdown(findings: list[Finding]) -> str:
    """Return the findings as a page."""
    parts = [f"**{each.weight}: {plain(each.name)}.** {plain(each.what)}\n\n{plain(each.advice)}" for each in findings]
    return "\n\n".join(["# What was found in the image root", *parts]) + "\n"


def _show(inspection: Inspection, job: Job) -> None:
    if not inspection.findings or (TaskRunContext.get() is None and FlowRunContext.get() is None):
        return
    try:
        create_markdown_artifact(
            markdown(inspection.findings), key=f"inspection-{job.id}", description=f"The image root of job {job.id}"
        )
    except httpx.HTTPError as error:
        logger.warning("Prefect does not take the artifact of the inspection: %s", error)
