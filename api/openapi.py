"""The OpenAPI document: what FastAPI makes of the routes, with the problems that they really answer with."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.identity import PROBES
from api.problems import Problem, documented

_REF = "#/components/schemas/{model}"


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
        for operation in operations.values():
            # FastAPI says 422 of every operation with a parameter; here that is of bodies alone.
            operation["responses"].pop("422", None)
            if "requestBody" in operation:
                operation["responses"] |= {str(status): known for status, known in documented(422).items()}
            if not path.endswith(PROBES):
                operation["security"] = [{}, {"bearer": []}]
                operation["responses"] |= {str(status): known for status, known in documented(401, 403).items()}
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return made
