"""The OpenAPI document: what FastAPI makes of the routes, with the other answers that they really give."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.identity import PROBES
from api.problems import Problem, documented

_REF = "#/components/schemas/{model}"
# Their answers have no ETag.
_WITHOUT_ETAG = (*PROBES, "/version")
_NOT_MODIFIED = {"304": {"description": "The client has it already: If-None-Match names its ETag"}}


def add_document(app: FastAPI) -> None:
    """Publish the document of an application; it is made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REF)
    made["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            operation["responses"] = _all_answers(path, method, operation)
            if not path.endswith(PROBES):
                operation["security"] = [{}, {"bearer": []}]
    return made


def _all_answers(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return the answers of an operation, with those of every operation of its kind."""
    known: dict[str, Any] = operation["responses"]
    # FastAPI says 422 of every operation with a parameter, in a form of its own.
    if "application/json" in known.get("422", {}).get("content", {}):
        del known["422"]
    problems: list[int] = []
    if not path.endswith(PROBES):
        # 503: the keys of the tokens' issuer cannot be fetched.
        problems += [401, 403, 503]
    if "requestBody" in operation:
        problems += [408, 413, 422]
    if method == "get" and not path.endswith(_WITHOUT_ETAG):
        known |= _NOT_MODIFIED
    more = {str(status): answer for status, answer in documented(*problems).items()}
    return dict(sorted((more | known).items()))
