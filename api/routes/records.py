"""Reading public keys, recipes and images: the same for each kind, and for those that are deleted."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.answers import many, one
from api.kinds import RESOURCES, Resource
from api.lists import page_of
from api.problems import documented
from api.shown_records import ShownRecords
from errors import ImsError, NotFound
from storage.models.records import Collection, Record
from storage.records.catalogue import catalogue


def reading() -> APIRouter:
    """Return the paths that show what is available."""
    router = APIRouter()
    for resource in RESOURCES:
        _add_list(router, resource, _available)
        _add_one(router, resource, lambda of, record_id: catalogue().of(of.kind).available(record_id))
    return router


def reading_deleted() -> APIRouter:
    """Return the paths that show what is deleted."""
    router = APIRouter(prefix="/deleted")
    for resource in (each.of_deleted for each in RESOURCES):
        _add_list(router, resource, deleted_records)
        _add_one(router, resource, deleted_record)
    return router


def deleted_records(resource: Resource) -> Sequence[Any]:
    """Return what is deleted, or is being deleted, restored or removed."""
    return catalogue().of(resource.kind).snapshot().not_available


def deleted_record(resource: Resource, record_id: str) -> Any:
    """Return a deleted record, or one that is being deleted, restored or removed.

    Raises:
        NotFound: There is none of this id.
    """
    record: Record = catalogue().of(resource.kind).get(record_id)
    if record.collection is Collection.AVAILABLE:
        raise NotFound(f"{resource.kind.noun} {record.id} is not deleted")
    return record


def is_gone(resource: Resource, record_id: str, error: ImsError) -> bool:
    """Return whether an operation on a record failed because the record was removed meanwhile."""
    if not isinstance(error, NotFound):
        return False
    try:
        catalogue().of(resource.kind).get(record_id)
    except NotFound:
        return True
    return False


def _available(resource: Resource) -> Sequence[Any]:
    return catalogue().of(resource.kind).snapshot().available


def _add_list(router: APIRouter, resource: Resource, read: Callable[[Resource], Sequence[Any]]) -> None:
    asks = resource.asks
    shown = ShownRecords(resource.shown.of)

    def show(request: Request, asked: Annotated[asks, Query()]) -> Response:  # type: ignore[valid-type]
        records, headers = page_of(read(resource), asked, request)
        return many(request, shown.content(records), headers)

    router.add_api_route(
        resource.path,
        show,
        methods=["GET"],
        name=f"list_{resource.name}s",
        summary=f"List the {resource.noun}s.",
        response_model=list[resource.shown],  # type: ignore[name-defined]
        responses=documented(400, 503),
    )


def _add_one(router: APIRouter, resource: Resource, read: Callable[[Resource, str], Any]) -> None:
    def show(request: Request, record_id: str) -> Response:
        return one(request, resource.shown.of(read(resource, record_id)))

    router.add_api_route(
        f"{resource.path}/{{record_id}}",
        show,
        methods=["GET"],
        name=f"get_{resource.name}",
        summary=f"Show one {resource.noun}.",
        response_model=resource.shown,
        responses=documented(404, 503),
    )
