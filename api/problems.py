"""Errors as clients get them: `application/problem+json`, made here from every kind of error, and nowhere else.

An answer holds no traceback and no value of a field: those may be secrets.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from config.refusals import reason_of
from errors import BadInput, Conflict, Corrupt, Denied, ImsError, NotFound, TransientError
from storage.deletion.states import Changed
from storage.records.links import BadLink

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# How long a client waits before it asks again, when S3 or Prefect does not answer.
RETRY_AFTER_SECONDS = "5"
_CHALLENGE = 'Bearer realm="ims"'


class Problem(BaseModel):
    """Why a request was refused or failed (RFC 9457); `errors` names the fields that were refused."""

    type: str = "about:blank"
    status: int
    title: str
    detail: str
    errors: dict[str, list[str]] | None = None


class PreconditionFailed(Conflict):
    """The record is not the one that the client has seen: its etag is another one."""


class TooLarge(BadInput):
    """The body of a request is larger than any that has a meaning."""


class TooSlow(BadInput):
    """The body of a request has not come in time."""


class Unauthorized(BadInput):
    """A request shows no token, or one that does not count.

    Args:
        message: Which.
        resolution: What to do.
        shows_token: Whether it shows one.
    """

    def __init__(self, message: str, *, resolution: str = "", shows_token: bool = True) -> None:
        super().__init__(message, resolution=resolution)
        self.challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{message}"'
        if not shows_token:
            self.challenge = _CHALLENGE


class Forbidden(BadInput):
    """A caller may not do what they ask for.

    Args:
        needed: What they would have to be allowed: read, write or purge.
        given: What they are allowed.
        resolution: Who can change that.
    """

    def __init__(self, needed: str, given: str, *, resolution: str) -> None:
        super().__init__(f"this needs the right to {needed}; the caller has: {given}", resolution=resolution)
        self.challenge = f'{_CHALLENGE}, error="insufficient_scope", error_description="this needs {needed}"'


class Unprocessable(BadInput):
    """A body that can be read, and whose content is refused."""


# The first class that fits counts.
STATUSES: tuple[tuple[type[ImsError], HTTPStatus], ...] = (
    (Unauthorized, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (TooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (BadLink, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unprocessable, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Changed, HTTPStatus.PRECONDITION_FAILED),
    (PreconditionFailed, HTTPStatus.PRECONDITION_FAILED),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (BadInput, HTTPStatus.BAD_REQUEST),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
    (Denied, HTTPStatus.SERVICE_UNAVAILABLE),
)


def add_problems(app: FastAPI) -> None:
    """Have every error of an application answered as a problem."""
    app.add_exception_handler(ImsError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_refused_input)
    app.add_exception_handler(HTTPException, _on_http_error)


def problem_of(error: ImsError, method: str) -> JSONResponse:
    """Return the answer that reports an error.

    Args:
        error: The error.
        method: The method of the request: a stored document that cannot be read is no fault of one who reads it.
    """
    status = _status_of(error, method)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        level = logging.WARNING if status == HTTPStatus.SERVICE_UNAVAILABLE else logging.ERROR
        logger.log(level, "%s: %s", type(error).__name__, error)
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if isinstance(error, Unauthorized | Forbidden):
        headers["WWW-Authenticate"] = error.challenge
    return answer(status, str(error), headers=headers)


def answer(
    status: HTTPStatus,
    detail: str,
    *,
    errors: dict[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem as an answer."""
    problem = Problem(status=status, title=status.phrase, detail=detail, errors=errors)
    body = problem.model_dump(exclude_none=True)
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def defect(method: str, path: str, error: Exception) -> JSONResponse:
    """Log an error that is none of ours with its traceback, and return the answer, which has none."""
    logger.error("%s %s failed by a defect", method, path, exc_info=error)
    return answer(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"this is a defect of the service ({type(error).__name__}); report it with the log of the API",
    )


def _status_of(error: ImsError, method: str) -> HTTPStatus:
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    if isinstance(error, Corrupt) and method not in {"GET", "HEAD"}:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.INTERNAL_SERVER_ERROR


async def _on_our_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ImsError)  # noqa: S101 - what the handler is registered for
    return problem_of(error, request.method)


async def _on_refused_input(_request: Request, error: Exception) -> JSONResponse:
    """Refuse a body with 422, and a filter of a list with 400, as IMS does."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    errors: dict[str, list[str]] = {}
    places = set()
    for each in error.errors():
        place, *path = (str(part) for part in each["loc"])
        places.add(place)
        errors.setdefault(".".join(path) or place, []).append(reason_of(each))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if "body" in places else HTTPStatus.BAD_REQUEST
    detail = "; ".join(f"{field}: {', '.join(reasons)}" for field, reasons in errors.items())
    return answer(status, detail, errors=errors)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    status = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if status is HTTPStatus.NOT_FOUND:
        detail = f"the API has no {request.url.path}"
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.url.path} does not take {request.method}"
        # Starlette names those of the first route with this path alone.
        return answer(status, detail, headers={"Allow": ", ".join(sorted(methods_of(request.scope)))})
    return answer(status, detail, headers=error.headers)


def methods_of(scope: Scope) -> set[str]:
    """Return the methods that the path of a request takes; none of a path that the API does not have."""
    routes: list[BaseRoute] = scope["app"].routes
    return {
        method
        for method in ("DELETE", "GET", "PATCH", "POST")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    }


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the OpenAPI document names the problems that a path answers with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
