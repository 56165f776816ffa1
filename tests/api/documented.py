"""Whether the OpenAPI document has an answer: its status, media type and schema, for the operation that was asked for."""

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from api.app import application
from api.versions import Version

PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What the document does not have: a path or a method that the service has not.
_NOT_THERE = {404, 405}


def assert_documented(answer: httpx.Response) -> None:
    """Fail unless the document has an answer; a hook of the tests' client calls it with each of them."""
    answer.read()
    request, status = answer.request, answer.status_code
    where = f"{request.method} {request.url} → {status} {answer.text[:500]}"
    operation = _operation(request.method, request.url.path)
    if operation is None:
        assert status in _NOT_THERE or request.url.path == "/openapi.json", f"not documented: {where}"
        return
    documented = operation["responses"].get(str(status))
    assert documented is not None, f"not documented: {where}"
    content = documented.get("content", {})
    if not content:
        assert answer.content == b"", f"documented without a body: {where}"
        return
    media_type = answer.headers["content-type"]
    assert media_type in content, f"documented as {[*content]}, not {media_type}: {where}"
    errors = [error.message for error in _validator(str(content[media_type]["schema"])).iter_errors(answer.json())]
    assert errors == [], where


@cache
def _document() -> dict[str, Any]:
    return application().openapi()


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The operations by what matches their paths: those with a name in them come last."""
    known = sorted(_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations) for path, operations in known]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for version in (Version.V3, Version.V2):
        for prefix in sorted(version.prefixes, key=len, reverse=True):
            if not path.startswith(f"{prefix}/"):
                continue
            documented = version.prefixes[0] + path.removeprefix(prefix)
            for pattern, operations in _paths():
                if pattern.fullmatch(documented):
                    found: dict[str, Any] | None = operations.get(method.lower())
                    return found
    return None


@cache
def _validators() -> dict[str, Draft202012Validator]:
    return {}


def _validator(schema: str) -> Draft202012Validator:
    import ast
    known = _validators()
    if schema not in known:
        known[schema] = Draft202012Validator(ast.literal_eval(schema) | {"components": _document()["components"]})
    return known[schema]
