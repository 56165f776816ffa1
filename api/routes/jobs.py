"""Jobs: building and customizing images."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, field_validator

from api.answers import many, one
from api.lists import Page, page_of
from api.models.jobs import ShownJob
from api.problems import documented
from config.durations import parse_age
from errors import BadInput
from storage.models.jobs import Job, JobStatus, JobType
from storage.records.catalogue import catalogue
from storage.records.jobs import selected


class JobList(Page):
    """Which jobs a list shows, and which are deleted by one request."""

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

    def of(self, jobs: list[Job]) -> list[Job]:
        """Return the jobs that fit every filter."""
        age = None if self.age is None else parse_age(self.age)
        return selected(jobs, age=age, statuses=self.status, job_type=self.job_type)


def reading() -> APIRouter:
    """Return the paths that show jobs."""
    router = APIRouter()

    @router.get("/jobs", response_model=list[ShownJob], responses=documented(400, 503))
    def list_jobs(request: Request, asked: Annotated[JobList, Query()]) -> Response:
        """List the jobs."""
        jobs, headers = page_of(asked.of(catalogue().jobs.list()), asked, request)
        return many(request, [ShownJob.of(job) for job in jobs], headers)

    @router.get("/jobs/{job_id}", response_model=ShownJob, responses=documented(404, 503))
    def get_job(request: Request, job_id: str) -> Response:
        """Show one job."""
        return one(request, ShownJob.of(catalogue().jobs.get(job_id)))

    return router
