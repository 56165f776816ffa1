"""The same operation on every record of a collection, some at a time; one that fails does not keep back the others."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from prefect import Flow
from starlette.concurrency import run_in_threadpool

from api.kinds import Resource
from api.routes.records import is_gone
from api.runs import to_its_end
from errors import Conflict, ImsError, TransientError, Unreachable
from runs.server_address import prefect_api_url
from storage.models.records import Record

NO_CONTENT = HTTPStatus.NO_CONTENT
AT_A_TIME = 4
# Longer lists of failures are no help.
NAMED = 5


async def each_to_its_end(
    request: Request, resource: Resource, flow: Flow[..., Any], records: Sequence[Record], options: Mapping[str, Any]
) -> Response:
    """Run a flow for every record, and answer 204 when all have ended well.

    Raises:
        Conflict: It failed for some of them; each is named.
        Unreachable: The same, and a later request may succeed.
    """
    turns = asyncio.Semaphore(AT_A_TIME)

    async def act(record: Record) -> HTTPStatus | ImsError:
        async with turns:
            try:
                answer = await to_its_end(request, flow, {"kind": resource.kind, "record_id": record.id, **options})
            except ImsError as error:
                return NO_CONTENT if await run_in_threadpool(is_gone, resource, record.id, error) else error
            return HTTPStatus(answer.status_code)

    ended = await asyncio.gather(*(act(record) for record in records))
    failed = [(record, end) for record, end in zip(records, ended, strict=True) if isinstance(end, ImsError)]
    if failed:
        named = "; ".join(f"{record.id}: {error.message}" for record, error in failed[:NAMED])
        more = "; …" if len(failed) > NAMED else ""
        kind = Unreachable if all(isinstance(error, TransientError) for _, error in failed) else Conflict
        raise kind(f"{len(failed)} of {len(records)} {resource.noun}s are left: {named}{more}")
    if HTTPStatus.ACCEPTED not in ended:
        return Response(status_code=NO_CONTENT)
    address = f"{prefect_api_url().removesuffix('/api')}/runs"
    return JSONResponse({"address": address}, HTTPStatus.ACCEPTED, {"Location": address})
