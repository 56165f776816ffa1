"""The application: every resource under every address of each version."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from api.bodies import Bodies
from api.health import health
from api.identity import Identity
from api.killed_runs import watching
from api.metrics import metrics
from api.open_listener import listening
from api.openapi import add_document
from api.problems import add_problems
from api.request_ids import RequestIds
from api.routes import records
from api.routes.deletion import deletion, removal
from api.routes.jobs import jobs
from api.routes.registration import registration
from api.routes.remote_build_nodes import remote_build_nodes
from api.s3_calls import count_calls
from api.versions import Version


def application() -> FastAPI:
    """Return the application of this process's settings."""
    app = FastAPI(
        title="Image Management Service",
        version=version("image-management-flows"),
        description="Boot images of HPC systems: recipes, images, public keys and the jobs that build images.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        lifespan=_alive,
    )
    count_calls()
    add_problems(app)
    add_document(app)
    app.add_middleware(Bodies)
    app.add_middleware(Identity)
    # Added last, it is asked first.
    app.add_middleware(RequestIds)
    app.include_router(metrics())
    for each in Version:
        router = _router(each)
        for prefix in each.prefixes:
            documented = prefix == each.prefixes[0]
            app.include_router(
                router,
                prefix=prefix,
                include_in_schema=documented,
                generate_unique_id_function=_id_in(each),
                tags=[each.value],
            )
    return app


@asynccontextmanager
async def _alive(app: FastAPI) -> AsyncIterator[None]:
    """Do what is done as long as the process serves."""
    async with watching(app), listening(app):
        yield


def _router(each: Version) -> APIRouter:
    router = APIRouter()
    router.include_router(health())
    router.include_router(records.reading())
    router.include_router(registration())
    router.include_router(jobs())
    router.include_router(remote_build_nodes())
    router.include_router(deletion() if each is Version.V3 else removal())
    if each is Version.V3:
        router.include_router(records.reading_deleted())
    return router


def _id_in(each: Version) -> Callable[[APIRoute], str]:
    def unique_id(route: APIRoute) -> str:
        return f"{route.name}_{each}"

    return unique_id
