"""Answers with an ETag: who has seen the same content gets 304, and who has seen another changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from fastapi import Request, Response
from pydantic import BaseModel

from api.problems import PreconditionFailed

JSON = "application/json"


@dataclass(frozen=True)
class Content:
    """The content of an answer, and its etag."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Content":
        """Return a content with its etag."""
        return cls(body, f'"{sha256(body).hexdigest()[:32]}"')

    @classmethod
    def showing(cls, shown: BaseModel) -> "Content":
        """Return what shows one record."""
        return cls.of(shown.model_dump_json(by_alias=True).encode())


def one(request: Request, shown: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer that shows one record."""
    return _answer(request, Content.showing(shown), status, {})


def many(request: Request, content: Content, headers: Mapping[str, str]) -> Response:
    """Return the answer that shows a list."""
    return _answer(request, content, HTTPStatus.OK, headers)


def refuse_other_than_seen(request: Request, shown: BaseModel) -> None:
    """Refuse a change when the client names an etag, and the record has another one.

    Raises:
        PreconditionFailed: The record was changed since the client read it.
    """
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, Content.showing(shown).etag):
        raise PreconditionFailed(
            "the record has another etag than If-Match names: it was changed in between",
            resolution="read it again, and decide by what it is now",
        )


def _answer(request: Request, content: Content, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    seen = request.headers.get("if-none-match")
    known = {"ETag": content.etag, **headers}
    if request.method in {"GET", "HEAD"} and seen is not None and _names(seen, content.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=known)
    return Response(content.body, status, known, media_type=JSON)


def _names(header: str, etag: str) -> bool:
    named = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in named or etag in named
