"""Flow runs that a request waits for: they run in this process, are seen in Prefect, and answer with their error."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from prefect import Flow
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.identity import CALLER
from api.request_ids import request_id
from config.settings import settings
from errors import ImsError
from flows.in_process import InProcess, begin
from runs.client import Runs, connected
from runs.connection import check
from runs.server_address import prefect_api_url

logger = logging.getLogger(__name__)

# S3 does the work of a deletion; more at a time would only wait for each other.
AT_A_TIME = 16
_POOL = ThreadPoolExecutor(AT_A_TIME, "flow-run")
RESPOND_ASYNC = "respond-async"


class Begun(BaseModel):
    """Where the end of an operation is seen that its answer does not wait for."""

    address: str
    flow_run_id: str | None = None


# How the OpenAPI document names that answer.
GOES_ON: dict[int | str, dict[str, Any]] = {
    202: {"description": "Begun: the client does not wait, or it takes long", "model": Begun}
}


async def to_its_end(request: Request, flow: Flow[..., Any], parameters: Mapping[str, Any]) -> Response:
    """Run a flow and answer when it has ended: 204, or 202 if the client does not wait or it takes too long.

    Raises:
        ImsError: What the run failed with.
        Unreachable: Prefect does not answer; nothing was begun.
    """
    run = await run_in_threadpool(begun, request, flow, parameters)
    return await answered(request, run.carry_out, {"flow_run_id": str(run.run.id), "address": run.address})


async def answered(request: Request, act: Callable[[], None], where: Mapping[str, str]) -> Response:
    """Act in a thread and answer when that has ended: 204, or 202 if the client does not wait or it takes too long.

    Args:
        request: The request.
        act: What is done.
        where: What a client is told that does not wait: an `address` where it sees the end, at least.

    Raises:
        ImsError: As `act`.
    """
    running = asyncio.get_running_loop().run_in_executor(_POOL, act)
    if RESPOND_ASYNC in request.headers.get("prefer", "").replace(" ", "").split(","):
        return _goes_on(where, running)
    try:
        await asyncio.wait_for(asyncio.shield(running), settings().api.wait.total_seconds())
    except TimeoutError:
        return _goes_on(where, running)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def begun(request: Request, flow: Flow[..., Any], parameters: Mapping[str, Any]) -> InProcess:
    """Make the run of a flow; its tags and its log name the request.

    Raises:
        Unreachable: Prefect does not answer.
    """
    address = prefect()
    run = begin(flow, parameters, address, [f"request: {request_id(request)}"])
    with connected(address) as runs:
        note_request(request, runs, str(run.run.id))
    return run


def note_request(request: Request, runs: Runs, run_id: str) -> None:
    """Write to the log of a flow run which request asked for it, and who sent that."""
    who = request.scope.get(CALLER) or "a client without a name"
    try:
        runs.note(run_id, f"asked for by request {request_id(request)} of {who}")
    except ImsError as error:
        # The run is made, and its tags name the request, too.
        logger.warning("flow run %s: its log does not name the request: %s", run_id, error)


def prefect() -> str:
    """Return the address of the Prefect server's API, which answers.

    Raises:
        Unreachable: It does not. Its client would try for half a minute, and a client of ours waits.
    """
    address = prefect_api_url()
    check(address)
    return address


def _goes_on(where: Mapping[str, str], running: "asyncio.Future[None]") -> Response:
    running.add_done_callback(_note_end)
    headers = {"Location": where["address"], "Preference-Applied": RESPOND_ASYNC}
    return JSONResponse(dict(where), HTTPStatus.ACCEPTED, headers)


def _note_end(running: "asyncio.Future[None]") -> None:
    error = None if running.cancelled() else running.exception()
    if isinstance(error, ImsError):
        logger.warning("a run that no request waits for failed: %s", error)
    elif error is not None:
        logger.error("a run that no request waits for failed by a defect", exc_info=error)
