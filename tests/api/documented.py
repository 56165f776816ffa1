"""Whether the OpenAPI document has an answer: its status, media type and schema, for the operation asked for."""

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from api.app import application
from api.versions import Version

# Of a path or a method that the API does not have.
NOT_THERE = {404, 405}
# Paths that describe the service.
UNLISTED = {"/openapi.json", "/metrics"}


def assert_documented(answer: httpx.Response) -> None:
    """Fail unless the document has an answer; the tests' client calls this with each one that it gets."""
    answer.read()
    method, path = answer.request.method, answer.request.url.path
    where = f"{method} {path} → {answer.status_code} {answer.text[:300]}"
    operation = _operation(method, path)
    if operation is None:
        assert answer.status_code in NOT_THERE or path in UNLISTED, f"an operation without a document: {where}"
        return
    documented = operation["responses"].get(str(answer.status_code))
    assert documented is not None, f"an answer without a document: {where}"
    if "content" not in documented:
        assert answer.content == b"", f"documented without a body: {where}"
        return
    media_type = answer.headers["content-type"]
    assert media_type in documented["content"], f"{media_type} is not documented: {where}"
    validator = Draft202012Validator(documented["content"][media_type]["schema"] | _definitions())
    errors = [error.message for error in validator.iter_errors(answer.json())]
    assert errors == [], where


@cache
def _definitions() -> dict[str, Any]:
    return {"components": application().openapi()["components"]}


@cache
def _operations() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The operations by what matches their paths: a name goes before an id."""
    known = sorted(application().openapi()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations) for path, operations in known]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    """Return an operation as the document has it: under the first address of its version."""
    for version in (Version.V3, Version.V2):
        for prefix in version.prefixes:
            if not path.startswith(f"{prefix}/"):
                continue
            documented = version.prefixes[0] + path.removeprefix(prefix)
            for pattern, operations in _operations():
                if pattern.fullmatch(documented):
                    found: dict[str, Any] | None = operations.get(method.lower())
                    return found
    return None
