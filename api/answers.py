"""Answers with an ETag: who has seen the same content gets 304, and who has seen another changes nothing."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import BaseModel

from api.problems import PreconditionFailed

JSON = "application/json"


def one(request: Request, shown: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer that shows one record."""
    return _answer(request, shown.model_dump_json(by_alias=True).encode(), status, {})


def many(request: Request, shown: Sequence[BaseModel], headers: Mapping[str, str]) -> Response:
    """Return the answer that shows a list of records."""
    body = b"[" + b",".join(each.model_dump_json(by_alias=True).encode() for each in shown) + b"]"
    return _answer(request, body, HTTPStatus.OK, headers)


def refuse_other_than_seen(request: Request, shown: BaseModel) -> None:
    """Refuse a change when the client names an etag, and the record has another one.

    Raises:
        PreconditionFailed: The record was changed since the client read it.
    """
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, _etag(shown.model_dump_json(by_alias=True).encode())):
        raise PreconditionFailed(
            "the record has another etag than If-Match names: it was changed in between",
            resolution="read it again, and decide by what it is now",
        )


def _answer(request: Request, body: bytes, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    etag = _etag(body)
    seen = request.headers.get("if-none-match")
    known = {"ETag": etag, **headers}
    if request.method in {"GET", "HEAD"} and seen is not None and _names(seen, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=known)
    return Response(body, status, known, media_type=JSON)


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def _names(header: str, etag: str) -> bool:
    named = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in named or etag in named
