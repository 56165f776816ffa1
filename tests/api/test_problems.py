"""api/problems.py: every error is a problem with a status of its own, and none shows a traceback."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from api.problems import PreconditionFailed, TooLarge, Unauthorized, Unprocessable, add_problems
from api.request_ids import RequestIds
from errors import (
    BadInput,
    Broken,
    Conflict,
    Corrupt,
    Denied,
    Exhausted,
    ImsError,
    Interrupted,
    LimitReached,
    NotFound,
    PermanentError,
    TransientError,
    Unreachable,
    Untrusted,
)
from storage.records.links import BadLink
from tests.api.stored import assert_problem
from tests.memory_s3.fixtures import in_memory

STATUSES: dict[type[ImsError], int] = {
    BadInput: 400,
    Unauthorized: 401,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    TooLarge: 413,
    Unprocessable: 422,
    BadLink: 422,
    Corrupt: 422,
    TransientError: 503,
    Unreachable: 503,
    Interrupted: 503,
    Exhausted: 503,
    Denied: 503,
    PermanentError: 500,
    Untrusted: 500,
    LimitReached: 500,
    Broken: 500,
}


def failing(error: Exception, method: str) -> httpx.Response:
    """Return the answer of an application whose one path fails."""
    app = FastAPI()
    add_problems(app)
    app.add_middleware(RequestIds)

    def fail() -> None:
        raise error

    app.add_api_route("/x", fail, methods=[method])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, "/x")

    return asyncio.run(ask())


@pytest.mark.parametrize(("kind", "status"), STATUSES.items(), ids=lambda each: getattr(each, "__name__", None))
def test_an_error_of_our_tree_has_a_status(kind: type[ImsError], status: int) -> None:
    answer = failing(kind("it happened", resolution="do this"), "POST")
    assert_problem(answer, status, "it happened; do this")
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_stored_record_that_cannot_be_read_is_no_fault_of_its_reader() -> None:
    assert_problem(failing(Corrupt("it cannot be read"), "GET"), 500)


def test_a_defect_is_said_to_be_one(caplog: pytest.LogCaptureFixture) -> None:
    problem = assert_problem(failing(ZeroDivisionError("secret"), "GET"), 500, "defect", "ZeroDivisionError")
    assert "secret" not in problem["detail"]
    assert "secret" in caplog.text


@in_memory
def test_what_the_api_does_not_have_is_a_problem_too(api: httpx.Client) -> None:
    assert_problem(api.get("/apis/ims/v3/recipe"), 404, "the API has no /apis/ims/v3/recipe")
    assert_problem(api.get("/apis/ims/v4/images"), 404)
    assert_problem(api.get("/v3/images/../../etc/passwd"), 404)
    refused = api.put("/v3/images")
    assert_problem(refused, 405, "does not take PUT")
    assert refused.headers["allow"] == "DELETE, GET, POST"
    # The path is what is wrong, and not the body.
    for path in ("/apis/ims/v3/images/x", "/apis/ims/v2/deleted/images"):
        refused = api.post(path)
        assert refused.headers.get("allow") == ("DELETE, GET, PATCH" if path.endswith("x") else None)
        assert_problem(refused, 405 if path.endswith("x") else 404)


def test_every_error_of_the_tree_is_in_the_table() -> None:
    known = {
        kind for kind in vars(__import__("errors")).values() if isinstance(kind, type) and issubclass(kind, ImsError)
    }
    assert known - {ImsError} <= STATUSES.keys()
