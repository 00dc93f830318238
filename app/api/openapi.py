"""The OpenAPI document: what each operation does in a line, and the problems it may answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.auth import SCHEMES
from app.api.problems import MEDIA_TYPE, STATUSES, ProblemOut

_EVERY = (400, 401, 404, 422, 429, 503)
_WRITING = (403, 409, 413, 415)
_PROBLEM = {"$ref": "#/components/schemas/ProblemOut"}


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI derives; it is made once, at its first request."""
    derive = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            for route in app.routes:
                if isinstance(route, APIRoute):
                    # As its code names it: generated clients then read `list_stopovers`.
                    route.operation_id = route.name
            app.openapi_schema = _completed(derive())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]  # as FastAPI's manual does


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    schemas.setdefault(
        "ProblemOut",
        ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}"),
    )
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["securitySchemes"] = SCHEMES
    for methods in document["paths"].values():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                _complete(operation, writing=method != "get")
    return document


def _complete(operation: dict[str, Any], *, writing: bool) -> None:
    title, _, more = operation.pop("description").partition("\n\n")
    operation["summary"] = " ".join(title.split()).removesuffix(".")
    if more:
        operation["description"] = more
    operation["security"] = [{name: []} for name in SCHEMES]
    responses = operation.setdefault("responses", {})
    for status in (*_EVERY, *(_WRITING if writing else ())):
        responses.setdefault(str(status), {"description": STATUSES[status]})
    for status, response in responses.items():
        if status.isdecimal() and int(status) >= min(STATUSES):
            response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
