"""What surrounds every request: its id, its limits, its headers. Pure ASGI: nothing is buffered."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipResponder
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.as_of import CREDIT
from app.api.conditional import accepts_gzip, holds
from app.api.problems import CODE, internal, of_status, packed_otherwise, problem_response
from app.errors import TooMany
from app.observe import REQUEST_SECONDS

_log = structlog.get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:;"
        " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
VARY = "Origin, Authorization, Cookie, Accept-Encoding"
"""Every answer depends on who asks, and from where; a cache between must know."""

GONE = 499
"""A sender that went away before its body was whole, as proxies log it: nobody is answered."""

RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI hands them on: names in lower case. Asked by name they cost a tenth of a request."""
COMMON: RawHeaders = [(name.lower().encode(), v.encode()) for name, v in SECURITY_HEADERS.items()]
"""Headers of every answer."""
_VARY = VARY.encode()


class Guard:
    """Give each request an id and its answer the common headers; turn a crash into a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await guard(self.app, scope, receive, send, time.perf_counter())
        else:
            await self.app(scope, receive, send)


async def guard(app: ASGIApp, scope: Scope, receive: Receive, send: Send, began_s: float) -> None:
    """Serve one request, taken up at `began_s` [s of perf_counter], as `Guard` does."""
    request_id = id_of(Headers(scope=scope).get("x-request-id", ""))
    started, status = False, 500

    async def dressed(message: Message) -> None:
        nonlocal started, status
        if message["type"] == "http.response.start":
            started, status = True, message["status"]
            message = {**message, "headers": _dressed(message["headers"], request_id)}
        await send(message)

    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            if _holds_nul(scope):
                await problem_response(of_status(400))(scope, receive, dressed)
            else:
                await app(scope, receive, dressed)
        except ClientDisconnect:
            status = GONE
        except Exception:
            # The text of an unexpected error may hold stored values: it goes to the log alone.
            _log.exception("unexpected error", path=_route_of(scope))
            if started:
                raise
            await problem_response(internal())(scope, receive, dressed)
        finally:
            _account(scope, status, time.perf_counter() - began_s)


def id_of(asked: str) -> str:
    """Return the id of a request: the one it asks for, or a new one."""
    return asked if _REQUEST_ID.fullmatch(asked) else os.urandom(16).hex()


def _account(scope: Scope, status: int, took_s: float) -> None:
    """Measure an answer; of one that is an error the log tells as well."""
    method, route = _method_of(scope), _route_of(scope)
    REQUEST_SECONDS.labels(method, route, str(status)).observe(took_s)
    if status >= HTTPStatus.BAD_REQUEST:
        code = scope.get(CODE)
        _log.info("answered", method=method, route=route, status=status, code=code)


def _dressed(headers: RawHeaders, request_id: str) -> RawHeaders:
    told = {name for name, _ in headers}
    vary = _VARY
    if b"vary" in told:
        lists = [value for name, value in headers if name == b"vary"] + [_VARY]
        names = [name.strip() for each in lists for name in each.split(b",")]
        vary = b", ".join({name.lower(): name for name in names}.values())
    return [
        *((name, value) for name, value in headers if name != b"vary"),
        *((name, value) for name, value in COMMON if name not in told),
        (b"vary", vary),
        (b"x-request-id", request_id.encode()),
    ]


def _holds_nul(scope: Scope) -> bool:
    """Tell whether the address holds a NUL, which no text of the database can."""
    return b"%00" in scope["query_string"] or "\0" in scope["path"]


class Head:
    """Answer HEAD as GET, without the body (RFC 9110, 9.3.2): FastAPI's routes know GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # The server reads its own scope while it sends: only a HEAD may leave out what its
        # Content-Length tells.
        inner = {**scope, "method": "GET"}
        try:
            await self.app(inner, receive, bodiless)
        finally:
            # The route found inside is what the metrics are named by.
            scope.update({**inner, "method": "HEAD"})


class Packed:
    """Compress long answers for those that take gzip: Starlette's own test overlooks `q=0`."""

    def __init__(self, app: ASGIApp, min_bytes: int, level: int) -> None:
        self.app = app
        self.min_bytes = min_bytes
        self.level = level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        serve = self.app
        if scope["type"] == "http" and accepts_gzip(Headers(scope=scope)):
            serve = GZipResponder(self.app, self.min_bytes, compresslevel=self.level)
        await serve(scope, receive, send)


_BEARING = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose bodies are read."""
_PLAIN = ("", "identity", "utf-8")
"""Codings that change no byte; some senders name here what their text is written in."""


def _is_undone(coding: str) -> bool:
    """Tell whether a body in this Content-Encoding can be read: gzip is known by its bytes."""
    told = [name for part in coding.lower().split(",") if (name := part.strip()) not in _PLAIN]
    return told in ([], ["gzip"], ["x-gzip"])


class BodyLimit:
    """
    Refuse a body over the limit of its path, before reading when its length is told.

    One in a compression that nothing undoes is refused as well: kept, it could never be read.
    """

    def __init__(self, app: ASGIApp, limit_bytes: Callable[[str], int]) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, headers = self.limit_bytes(scope["path"]), Headers(scope=scope)
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told[:20]) > limit:
            status = 413 if told.isdecimal() else 400
            await problem_response(of_status(status))(scope, receive, send)
            return
        coding = headers.get("content-encoding", "") if scope["method"] in _BEARING else ""
        if not _is_undone(coding):
            await problem_response(packed_otherwise())(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                # FastAPI lets this one through unchanged while it reads a body.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self.app(scope, counted, send)


_UNCOUNTED = ("/health/", "/metrics", "/viewer/")
"""Paths of supervisors, and of the map's files, of which one page loads dozens."""


class Rates:
    """How many requests each client address sent lately."""

    def __init__(self, item: RateLimitItem) -> None:
        self.item = item
        self.windows = FixedWindowRateLimiter(MemoryStorage())

    async def refusal(self, scope: Scope) -> Response | None:
        """Count a request; return what answers it if it is one too many."""
        client = scope["client"][0] if scope.get("client") else "local"
        if await self.windows.hit(self.item, client):
            return None
        window = await self.windows.get_window_stats(self.item, client)
        wait_s = max(1, int(window.reset_time - time.time()) + 1)
        problem = TooMany(
            "This address sent too many requests.",
            remedy="Send the request again after the time in Retry-After.",
        )
        return problem_response(problem, headers={"Retry-After": str(wait_s)})


class RateLimit:
    """Hold each client address to a number of requests; `_UNCOUNTED` are never refused."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self.app = app
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        counted = scope["type"] == "http" and not scope["path"].startswith(_UNCOUNTED)
        refused = await self.rates.refusal(scope) if counted else None
        await (refused or self.app)(scope, receive, send)


class Credited:
    """Name in the Link of a product who contributed, whatever way its handler answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return

        async def credited(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                link = scope.get(CREDIT)
                if link is not None:
                    more = (b"link", link.encode())
                    message = {**message, "headers": [*message["headers"], more]}
            await send(message)

        await self.app(scope, receive, credited)


class ContentETag:
    """
    Give JSON answers that have no ETag one of their own bytes, and answer 304 to a current copy.

    An ETag of the bytes tells a caller nothing that the answer does not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        held = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _taggable(message):
                start = message
                return
            if start is not None:
                await _send_tagged(start, message, held, send)
                start = None
                return
            await send(message)

        await self.app(scope, receive, tagged)


def _taggable(start: Message) -> bool:
    headers = Headers(scope=start)
    return (
        start["status"] == HTTPStatus.OK
        and "json" in headers.get("content-type", "")
        and "content-length" in headers
        and "etag" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )


async def _send_tagged(start: Message, body: Message, held: str, send: Send) -> None:
    headers = MutableHeaders(scope=start)
    etag = f'W/"{sha256(body.get("body", b"")).hexdigest()[:32]}"'
    whole = not body.get("more_body", False)
    if whole:
        headers["ETag"] = etag
        headers.setdefault("Cache-Control", "private, no-cache")
    if whole and holds(held, etag):
        for name in ("content-length", "content-type"):
            del headers[name]
        await send({**start, "status": 304, "headers": headers.raw})
        await send({"type": "http.response.body", "body": b""})
        return
    await send(start)
    await send(body)


def _route_of(scope: Scope) -> str:
    """Return the template of the route, never the address: labels and logs stay free of ids."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _method_of(scope: Scope) -> str:
    """Return the method as a label; a made-up one must not make a series of its own."""
    return scope["method"] if scope["method"] in _METHODS else "other"
