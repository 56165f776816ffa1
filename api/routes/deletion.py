"""Deleting, restoring and removing public keys, recipes and images: each record by a flow run of its own.

In v3 a deletion can be undone; in v2 it removes the record at once.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from prefect import Flow
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.answers import refuse_other_than_seen
from api.kinds import RESOURCES, Resource
from api.models.records import Undelete
from api.problems import Unprocessable, documented
from api.routes.collections import each_to_its_end
from api.routes.records import deleted_record, is_gone
from api.runs import GOES_ON, to_its_end
from errors import NotFound
from flows.hard_delete import hard_delete
from flows.remove import remove
from flows.soft_delete import soft_delete
from flows.undelete import undelete
from storage.models.records import Collection, Record
from storage.records.catalogue import catalogue

NO_CONTENT = HTTPStatus.NO_CONTENT
Force = Annotated[bool, Field(description="Go on although objects are missing or not known to be the record's own.")]
_ANSWERS = GOES_ON | documented(400, 404, 409, 412, 422, 503)
_RESTORES = GOES_ON | documented(400, 404, 409, 412, 422, 503)


class Deletion(BaseModel):
    """What a deletion takes. An unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    force: Force = False


class Removal(Deletion):
    """What a deletion of v2 takes."""

    cascade: Annotated[bool, Field(description="Remove its objects as well.")] = True


def deletion() -> APIRouter:
    """Return the paths of v3, which delete records so that they can be restored, restore them, and remove them."""
    router = APIRouter()
    for resource in RESOURCES:
        _add_deletion(router, resource, soft_delete, Deletion)
        _add_deleted(router, resource.of_deleted)
    return router


def removal() -> APIRouter:
    """Return the paths of v2, which remove records."""
    router = APIRouter()
    for resource in RESOURCES:
        _add_deletion(router, resource, remove, Removal)
    return router


def _add_deletion(router: APIRouter, resource: Resource, flow: Flow[..., Any], options: type[Deletion]) -> None:
    async def delete(request: Request, record_id: str, asked: Annotated[options, Query()]) -> Response:  # type: ignore[valid-type]
        record = await run_in_threadpool(_to_delete, resource, record_id, flow)
        return await _act(request, resource, flow, record, dict(asked))

    async def delete_all(request: Request, asked: Annotated[options, Query()]) -> Response:  # type: ignore[valid-type]
        records = await run_in_threadpool(catalogue().of(resource.kind).list)
        return await each_to_its_end(request, resource, flow, records, dict(asked))

    _add(router, "DELETE", resource, delete, "delete", "Delete one {noun}.", one=True)
    _add(router, "DELETE", resource, delete_all, "delete_all", "Delete all {noun}s.")


def _add_deleted(router: APIRouter, resource: Resource) -> None:
    async def restore(request: Request, record_id: str, asked: Undelete) -> Response:  # noqa: ARG001 - there is one operation
        record = await run_in_threadpool(deleted_record, resource, record_id)
        return await _act(request, resource, undelete, record, {})

    async def restore_all(request: Request, asked: Undelete) -> Response:  # noqa: ARG001 - there is one operation
        records = await run_in_threadpool(_in, resource, Collection.DELETED, Collection.RESTORING)
        return await each_to_its_end(request, resource, undelete, records, {})

    async def erase(request: Request, record_id: str, asked: Annotated[Deletion, Query()]) -> Response:
        record = await run_in_threadpool(deleted_record, resource, record_id)
        return await _act(request, resource, hard_delete, record, dict(asked))

    async def erase_all(request: Request, asked: Annotated[Deletion, Query()]) -> Response:
        records = await run_in_threadpool(_in, resource, Collection.DELETED, Collection.ERASING)
        return await each_to_its_end(request, resource, hard_delete, records, dict(asked))

    _add(router, "PATCH", resource, restore, "restore", "Restore one {noun}.", one=True)
    _add(router, "PATCH", resource, restore_all, "restore_all", "Restore all {noun}s.")
    _add(router, "DELETE", resource, erase, "remove", "Remove one {noun} for good.", one=True)
    _add(router, "DELETE", resource, erase_all, "remove_all", "Remove all {noun}s for good.")


def _add(
    router: APIRouter, method: str, resource: Resource, act: Any, verb: str, summary: str, *, one: bool = False
) -> None:
    path = f"/deleted{resource.path}" if resource.adjective else resource.path
    router.add_api_route(
        f"{path}/{{record_id}}" if one else path,
        act,
        methods=[method],
        name=f"{verb}_{resource.name}{'' if one else 's'}",
        summary=summary.format(noun=resource.noun),
        status_code=NO_CONTENT,
        responses=_RESTORES if method == "PATCH" else _ANSWERS,
    )


def _to_delete(resource: Resource, record_id: str, flow: Flow[..., Any]) -> Record:
    """Return the record to delete: one that is available, or that an earlier deletion of this kind has left half done.

    Raises:
        NotFound: There is none.
    """
    resumed = Collection.ERASING if flow is remove else Collection.DELETING
    record: Record = catalogue().of(resource.kind).get(record_id)
    if record.collection not in {Collection.AVAILABLE, resumed}:
        raise NotFound(f"{resource.kind.noun} {record.id} is {record.collection}")
    return record


def _in(resource: Resource, *collections: Collection) -> list[Record]:
    return [record for record in catalogue().of(resource.kind).list(None) if record.collection in collections]


async def _act(
    request: Request, resource: Resource, flow: Flow[..., Any], record: Record, options: Mapping[str, Any]
) -> Response:
    refuse_other_than_seen(request, resource.shown.of(record))
    # The run checks it once more, in the write that nothing comes between.
    seen = record.digest if "if-match" in request.headers else ""
    parameters = {"kind": resource.kind, "record_id": record.id, "seen": seen, **options}
    try:
        return await to_its_end(request, flow, parameters)
    except NotFound as error:
        if await run_in_threadpool(is_gone, resource, record.id, error):
            raise
        # What is missing is one of its objects.
        raise Unprocessable(error.message, resolution=error.resolution) from error
