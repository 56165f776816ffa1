"""Whether the service lives, and whether it can serve: for probes, and for clients that wait for it."""

from http import HTTPStatus
from importlib.metadata import version

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api.problems import documented
from runs.connection import check
from runs.server_address import prefect_api_url
from storage.records.catalogue import catalogue
from storage.s3.objects import object_store


def health() -> APIRouter:
    """Return the paths of the probes."""
    router = APIRouter()

    @router.get("/healthz/live")
    async def is_alive() -> dict[str, str]:
        """Answer as long as this process serves."""
        return {"status": "alive"}

    @router.get("/healthz/ready", responses=documented(503))
    def is_ready() -> Response:
        """Answer 200 if S3 and Prefect answer, and the records can be read; 503 otherwise."""
        object_store().check()
        catalogue().public_keys.list()
        check(prefect_api_url())
        return JSONResponse({"status": "ready"}, HTTPStatus.OK)

    @router.get("/version")
    async def show_version() -> dict[str, str]:
        """Return the version of the service."""
        return {"version": version("image-management-flows")}

    return router
