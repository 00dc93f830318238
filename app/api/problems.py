"""Errors as RFC 9457 problem documents: a stable code, a remedy, and nothing of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

from app.errors import Gone, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""Pause asked of a caller when the database does not answer [s]: longer than the pool's wait."""
_TEXT_MAX = 200
_ERRORS_MAX = 50

_log = structlog.get_logger(__name__)


class Fault(BaseModel):
    """One value of the request that can't be used."""

    where: str
    what: str


class Heir(BaseModel):
    """What stands where something is gone."""

    id: UUID
    name: str


class ProblemOut(BaseModel):
    """An error, as every path of the service answers it (RFC 9457)."""

    model_config = ConfigDict(
        defer_build=True,  # a thousand routes and statuses tell of it, and few requests use it
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:flyways:problem:not-found",
                    "title": "Nothing here for this caller",
                    "status": 404,
                    "code": "not-found",
                    "detail": "There is no such study for this caller.",
                    "remedy": "Take the id from GET /api/v1/studies, with the key of its owner.",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    code: str = Field(description="never changes once released")
    detail: str
    remedy: str = Field(description="how to mend the request")
    errors: list[Fault] | None = None
    successors: list[Heir] | None = Field(None, description="where a thing that is gone went")


CODE = "flyways.problem"
"""Where the scope of a request notes the code of the problem that answered it, for the log."""


class ProblemAnswer(Response):
    """An answer with a problem document."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(body, problem.status, headers={"Cache-Control": "no-store", **headers})
        self.code = problem.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope[CODE] = self.code
        await super().__call__(scope, receive, send)


class MalformedBody(HTTPException):
    """A body that can't be read; FastAPI passes on no other kind of error while it reads one."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST)


class PackedBody(HTTPException):
    """A compressed body where a plain one is read."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return the document; it holds no id and no time, so that equal problems are equal bytes."""
    document: dict[str, Any] = {
        "type": f"urn:flyways:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": _plain(str(problem.detail), 1_000),
        "remedy": problem.remedy,
    }
    if isinstance(problem, Gone) and problem.successors is not None:
        document["successors"] = list(problem.successors)
    return document


def problem_body(problem: Problem, errors: Sequence[Mapping[str, str]] = ()) -> bytes:
    """Return the document as JSON, with the values that can't be used."""
    return orjson.dumps(problem_document(problem) | ({"errors": list(errors)} if errors else {}))


def problem_response(
    problem: Problem,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer for one problem."""
    extra: dict[str, str] = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'Bearer realm="flyways"'
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(RETRY_AFTER_S)
    return ProblemAnswer(problem, problem_body(problem, errors), {**extra, **(headers or {})})


def answer_of(error: Problem) -> Response:
    """Return the answer to a told error; the log tells of those that are the service's own."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("unavailable", code=error.code, cause=repr(error.__cause__))
    return problem_response(error)


def install(app: FastAPI) -> None:
    """Make every told error a problem document; `middleware.Guard` answers the unexpected."""

    @app.exception_handler(Problem)
    async def told(_: Request, error: Problem) -> Response:
        return answer_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _invalid(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return problem_response(_of_status(error), headers=error.headers)
        allow = {"Allow": ", ".join(_methods(request))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        return problem_response(_of_status(error), headers=allow)


def _methods(request: Request) -> list[str]:
    """Return every method of an address: of several routes to it Starlette tells the first's."""
    found = {
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for route in request.app.routes
        if not isinstance(route, Mount)
        and route.matches({**request.scope, "method": method})[0] is Match.FULL
    } or {"GET"}  # files below a mount are only read
    return sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set()))


def internal() -> Problem:
    """Return the problem that stands for an error of ours."""
    return _made(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "An error of the service",
        "The service met an error of its own; it has been logged.",
        "Send the request again; if it stays, give the operator the X-Request-ID of this answer.",
    )


def _invalid(error: RequestValidationError) -> Response:
    found = error.errors()[:_ERRORS_MAX]
    if any(item["type"] == "json_invalid" for item in found):
        return problem_response(malformed())
    faults = [
        {
            "where": ".".join(_plain(str(part), 64) for part in item["loc"]),
            "what": _plain(str(item["msg"]), _TEXT_MAX),
        }
        for item in found
    ]
    problem = _made(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-value",
        "A value can't be used",
        f"{len(error.errors())} values of the request can't be used.",
        "Correct the values named in `errors`; /docs shows an example of each request.",
    )
    return problem_response(problem, errors=faults)


def malformed(detail: str = "The body is not valid JSON.") -> Problem:
    """Return the problem of a body that can't be read at all."""
    return _made(
        HTTPStatus.BAD_REQUEST,
        "malformed-body",
        "The body can't be read",
        detail,
        "Send one JSON document in UTF-8, each key once, numbers finite.",
    )


def packed_otherwise() -> Problem:
    """Return the problem of a body in a compression that its address does not undo."""
    return _made(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content-encoding-unsupported",
        "The body is compressed in another way",
        "The body is compressed in a way that this address can't undo.",
        "Send it plain; telemetry and reference data may be sent gzip as well.",
    )


def form_sent() -> Problem:
    """Return the problem of a form where a file is read."""
    code, title, _, _ = _BY_STATUS[HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    return _made(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        code,
        title,
        "The body is a form.",
        "Send the bytes of the file themselves as the body.",
    )


_BY_STATUS: dict[int, tuple[str, str, str, str]] = {
    400: (
        "bad-request",
        "The request can't be carried out",
        "The request can't be read.",
        "Compare the request with its example in /docs.",
    ),
    404: (
        "not-found",
        "Nothing here for this caller",
        "There is nothing at this address.",
        "See /docs for the addresses of the service.",
    ),
    405: (
        "method-not-allowed",
        "This address has other methods",
        "The address does not take this method.",
        "Use one of the methods in the Allow header.",
    ),
    413: (
        "too-large",
        "Over the limit",
        "The body is over its limit.",
        "Send it in smaller parts.",
    ),
    415: (
        "unsupported-media-type",
        "The body is of another kind",
        "This address does not take a body of this media type.",
        "Send JSON with Content-Type: application/json.",
    ),
}


def _of_status(error: HTTPException) -> Problem:
    if isinstance(error, MalformedBody):
        return malformed()
    if isinstance(error, PackedBody):
        return packed_otherwise()
    status = error.status_code
    if status in _BY_STATUS:
        return _made(status, *_BY_STATUS[status])
    phrase = HTTPStatus(status).phrase
    return _made(
        status,
        phrase.lower().replace(" ", "-"),
        phrase,
        f"The request was answered with {phrase}.",
        "Compare the request with its example in /docs.",
    )


def of_status(status: int) -> Problem:
    """Return the general problem of one HTTP status."""
    return _of_status(HTTPException(status))


def _made(status: int, code: str, title: str, detail: str, remedy: str) -> Problem:
    problem = Problem(detail, remedy=remedy, code=code)
    problem.status = status
    problem.title = title
    return problem


def _plain(text: str, longest: int) -> str:
    """Return text that any reader can take: no lone surrogate, no control sign, bounded."""
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else " " for c in safe)[:longest]


STATUSES = {
    400: "The request can't be read",
    401: "A valid key is needed",
    403: "The key lacks the scope",
    404: "Nothing here for this caller: missing and foreign things answer alike",
    409: "The request contradicts what is stored",
    410: "It is no more: its owner took it back, or `successors` say where it went",
    413: "Over the limit",
    415: "The body is of another kind",
    422: "A value can't be used, or a query parameter is none of this address",
    429: "Too many requests: wait for Retry-After",
    503: "The database does not answer: wait for Retry-After",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of these statuses, each a problem document."""
    return {status: {"description": STATUSES[status], "model": ProblemOut} for status in statuses}


READING = documented(400, 401, 403, 404, 422, 429, 503)
WRITING = documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
