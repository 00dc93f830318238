"""The short way of small pushes: tags report a fix at a time, and then most of it is ceremony."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from prometheus_client import Histogram
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import push
from app.api.middleware import COMMON, VARY, Rates, guard, id_of
from app.api.problems import answer_of
from app.api.proofs import prover
from app.api.push import Door, accepted, refused
from app.api.receipts import shape
from app.errors import NotSignedIn, Problem
from app.observe import REQUEST_SECONDS
from app.pipeline.gather import SMALL_BYTES, Posted
from app.store import letters
from app.store.letters import Kept, Way

_ROUTE = next(route for route in push.router.routes if isinstance(route, Route))
_ADDRESS = re.compile(r"/push/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_UNUSUAL = frozenset({"origin", "content-encoding", "transfer-encoding", "upgrade"})
"""Headers for others to look at: those of pages elsewhere, of packed and of endless bodies, and of
senders that ask for another protocol."""

Headers = dict[str, str]


class Letterbox:
    """
    Take small pushes before FastAPI and all that surrounds it, and answer them alike.

    Those layers take longer over a request than HTTP and the push itself. What is no everyday
    push goes the common way from the start, and what is not simply kept is told the common way.
    """

    def __init__(self, door: Door, rates: Rates | None) -> None:
        self.door = door
        self.rates = rates
        self.limit_bytes = min(SMALL_BYTES, door.limit_bytes)

    def opens_for(self, scope: Scope) -> tuple[UUID, Headers] | None:
        """Return the source and the headers of an everyday push; None for any other request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"]:
            return None
        source = _source_of(scope["path"])
        if source is None:
            return None
        sent = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
        size = headers.get("content-length", "")
        everyday = (
            len(headers) == len(sent)
            and headers.keys().isdisjoint(_UNUSUAL)
            and size.isdecimal()
            and 0 < int(size[:20]) <= self.limit_bytes
        )
        return (source, headers) if everyday else None

    async def take(
        self, source: UUID, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one request."""
        began_s = time.perf_counter()
        scope["route"] = _ROUTE
        try:
            if self.rates is not None and (many := await self.rates.refusal(scope)) is not None:
                return await guard(many, scope, receive, send, began_s)
            body = await _body(receive)
            prove = prover(headers, body=body)
            posted = await self.door.gather(source, body, headers, prove)
        except Exception as error:  # noqa: BLE001 - the guard knows what to do with any
            return await guard(_told(error), scope, receive, send, began_s)
        if posted.kept is None:
            alone = self._alone(posted, body, headers)
            return await guard(alone, scope, receive, send, began_s)
        await _answer(posted.way, posted.kept, headers, send)
        _taking_s(posted.way.sender["ack_status"]).observe(time.perf_counter() - began_s)
        return None

    def _alone(self, posted: Posted, body: bytes, headers: Headers) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                receipt = await self.door.receipt(posted, body, headers)
            except Problem as told:
                await answer_of(told)(scope, receive, send)
            else:
                await accepted(posted.way.sender, receipt)(scope, receive, send)

        return serve


@lru_cache(maxsize=1_000)
def _source_of(path: str) -> UUID | None:
    address = _ADDRESS.fullmatch(path)
    return UUID(address[1]) if address else None


async def _body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _told(error: Exception) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(error, Problem):
            raise error
        answer = refused(error) if isinstance(error, NotSignedIn) else answer_of(error)
        await answer(scope, receive, send)

    return serve


@lru_cache(maxsize=8)
def _taking_s(status: int) -> Histogram:
    return REQUEST_SECONDS.labels("POST", _ROUTE.path, str(status))


_BLANK = Kept(UUID(int=1 << 127), b"\xff" * 32, datetime.max.replace(microsecond=1, tzinfo=UTC))
"""What no push is: a receipt shaped of it shows where its own words stand."""


@lru_cache(maxsize=256)
def _form(way: Way) -> bytes:
    """Return the receipt of a letter of this way, with `%(name)b` for what is its own."""
    receipt = shape(letters.receipt(way, _BLANK)).model_dump_json().encode().replace(b"%", b"%%")
    for name, blank in _own(_BLANK).items():
        receipt = receipt.replace(blank, b"%%(%b)b" % name)
    return receipt


def _own(kept: Kept) -> dict[bytes, bytes]:
    received_at = kept.received_at.isoformat().replace("+00:00", "Z")
    return {
        b"ref": str(kept.ref).encode(),
        b"digest": kept.digest.hex().encode(),
        b"received_at": received_at.encode(),
    }


async def _answer(way: Way, kept: Kept, headers: Headers, send: Send) -> None:
    own = _own(kept)
    body = _form(way) % own
    told = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
        (b"location", b"/api/v1/pushes/" + own[b"ref"]),
        (b"retry-after", b"1"),
        *COMMON,
        (b"vary", VARY.encode()),
        (b"x-request-id", id_of(headers.get("x-request-id", "")).encode()),
    ]
    status = way.sender["ack_status"]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
