"""Jobs: building and customizing images."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.concurrency import run_in_threadpool

from api.answers import many, one, refuse_other_than_seen
from api.lists import Page, page_of
from api.models.jobs import SentJob, ShownJob
from api.problems import documented
from api.runs import GOES_ON, answered, note_request, prefect
from api.shown_records import ShownRecords
from config.durations import parse_age
from errors import BadInput, NotFound, Unreachable
from flows.job_end import cancel_and_delete
from flows.job_start import checked, start_recorded
from runs.client import connected
from storage.models.changes import JobUpdate
from storage.models.jobs import Job, JobStatus, JobType
from storage.records.catalogue import catalogue
from storage.records.jobs import selected
from storage.records.registration import change_job
from storage.s3.objects import object_store


class JobSelection(BaseModel):
    """Which jobs are meant. An unknown parameter is refused: a misspelt filter would select everything."""

    model_config = ConfigDict(extra="forbid")

    status: list[JobStatus] = Field(default_factory=list, description="Only jobs of this status; may be repeated.")
    job_type: Annotated[JobType | None, Field(description="Only jobs of this type.")] = None
    age: Annotated[str | None, Field(description="Only jobs created longer ago: 90m, 3h, 7d or 1w2d.")] = None

    @field_validator("age")
    @classmethod
    def _is_an_age(cls, age: str | None) -> str | None:
        try:
            parse_age(age or "0s")
        except BadInput as error:
            raise ValueError(str(error)) from error
        return age

    def of(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return the jobs that fit every filter."""
        if self == type(self)():
            return jobs
        age = None if self.age is None else parse_age(self.age)
        return selected(jobs, age=age, statuses=self.status, job_type=self.job_type)


class JobList(JobSelection, Page):
    """Which jobs a list shows."""


def jobs() -> APIRouter:
    """Return the paths of jobs."""
    router = APIRouter()
    shown = ShownRecords(ShownJob.of)

    @router.get("/jobs", response_model=list[ShownJob], responses=documented(400, 503))
    def list_jobs(request: Request, asked: Annotated[JobList, Query()]) -> Response:
        """List the jobs."""
        jobs, headers = page_of(asked.of(catalogue().jobs.snapshot().available), asked, request)
        return many(request, shown.content(jobs), headers)

    @router.get("/jobs/{job_id}", response_model=ShownJob, responses=documented(404, 503))
    def get_job(request: Request, job_id: str) -> Response:
        """Show one job."""
        return one(request, ShownJob.of(catalogue().jobs.get(job_id)))

    @router.post("/jobs", status_code=201, response_model=ShownJob, responses=documented(400, 409, 413, 422, 503))
    def create_job(request: Request, wanted: SentJob) -> Response:
        """Start a job."""
        return one(request, ShownJob.of(_started(request, wanted)), HTTPStatus.CREATED)

    @router.patch("/jobs/{job_id}", response_model=ShownJob, responses=documented(400, 404, 409, 412, 413, 422, 503))
    def change_job_by_id(request: Request, job_id: str, changes: JobUpdate) -> Response:
        """Say how far a job is that no flow run works on."""
        check = partial(_refuse_other, request)
        return one(request, ShownJob.of(change_job(catalogue(), job_id, changes, check)))

    @router.delete("/jobs/{job_id}", status_code=204, responses=GOES_ON | documented(404, 409, 412, 503))
    async def delete_job(request: Request, job_id: str) -> Response:
        """Cancel a job, and delete it with what it holds; the image that it made is kept."""
        job = await run_in_threadpool(catalogue().jobs.get, job_id)
        _refuse_other(request, job)
        return await _delete(request, [job])

    @router.delete("/jobs", status_code=204, responses=GOES_ON | documented(400, 409, 503))
    async def delete_jobs(request: Request, asked: Annotated[JobSelection, Query()]) -> Response:
        """Cancel and delete jobs: all of them, or those that fit every filter."""
        selected = asked.of(await run_in_threadpool(catalogue().jobs.list))
        return await _delete(request, selected) if selected else Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _refuse_other(request: Request, job: Job) -> None:
    refuse_other_than_seen(request, ShownJob.of(job))


def _started(request: Request, wanted: SentJob) -> Job:
    """Check a job, store its record and start its run.

    Raises:
        BadInput: There is no such recipe, image or public key, or the job cannot succeed.
        Unreachable: Prefect does not answer; nothing was begun.
    """
    try:
        fields = checked(object_store(), catalogue(), wanted.job_type, wanted.fields)
    except NotFound as error:
        raise BadInput(error.message, resolution=error.resolution) from error
    with connected(prefect()) as runs:
        try:
            job = start_recorded(runs, catalogue(), wanted.job_type, fields)
        except NotFound as error:
            # Its server has no deployments yet: `ims up` or `ims worker` makes them.
            raise Unreachable(error.message, resolution=error.resolution) from error
        note_request(request, runs, job.flow_run_id)
        return job


async def _delete(request: Request, jobs: Sequence[Job]) -> Response:
    address = await run_in_threadpool(prefect)

    def act() -> None:
        with connected(address) as runs:
            cancel_and_delete(runs, jobs)

    return await answered(request, act, {"address": f"{address.removesuffix('/api')}/runs"})
