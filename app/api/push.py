"""Telemetry webhooks: one address per source, proven by a token, a password or a signature."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.deps import SettingsDep, StoreDep, settings_of, store_of
from app.api.problems import WRITING, answer_of, problem_response
from app.api.proofs import SIGNED, Prover, prover
from app.api.pushes import announce
from app.api.receipts import Receipt, receipt_of, shape
from app.errors import BadInput, NotSignedIn, Problem
from app.pipeline.gather import SMALL_BYTES, Gatherer, Handed, known_sender
from app.pipeline.rebuffs import Rebuffs
from app.pipeline.receive import bounded, reading, reading_of, receive
from app.store import inbox, sources
from app.store.audience import Audience
from app.store.engine import Store
from ingest.signatures import SignatureRefused

router = APIRouter(tags=["pushes"])

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """
    What keeps the pushes of all senders, whatever address they use.

    `format_name` is that of the address, for sources that name none; `tag` is whose the rows are
    that name none, as the address tells it.
    """

    store: Store
    gatherer: Gatherer
    rebuffs: Rebuffs
    limit_bytes: int
    format_name: str | None = None
    tag: str | None = None

    async def keep(
        self, source: UUID, body: bytes, request: Request, prove: Prover
    ) -> tuple[Row, Receipt]:
        """
        Keep a body that is here, if it is proven to come from a source; small ones share a commit.

        Raises NotSignedIn, counted at the source, so that one under attack or misset shows.
        """
        try:
            return await self._keep(source, body, request, prove)
        except SignatureRefused as refused:
            self.rebuffs.note(source, refused.code)
            raise unproven(refused) from refused

    async def _keep(
        self, source: UUID, body: bytes, request: Request, prove: Prover
    ) -> tuple[Row, Receipt]:
        if 0 < len(body) <= SMALL_BYTES and self.tag is None:
            posted = await self.gatherer.keep(
                Handed(
                    source, body, prove, request.headers.get("content-type"), key_of(request),
                    self.format_name,
                )
            )  # fmt: skip
            if posted.receipt is not None:
                return posted.sender, shape(posted.receipt)
            return posted.sender, await self.store_alone(posted.sender, request, _whole(body))
        sender = await self.sender(source)
        prove(sender)
        return sender, await self.store_alone(sender, request, _whole(body))

    async def sender(self, source: UUID) -> Row:
        """Return the row of a source; raises NotFound."""
        async with self.store.read() as conn:
            return known_sender(await sources.sender(conn, source))

    async def store_alone(
        self, sender: Row, request: Request, body: AsyncIterator[bytes]
    ) -> Receipt:
        """Keep a proven push in a transaction of its own."""
        delivery = inbox.Delivery(
            sender["study_id"],
            source_id=sender["id"],
            content_type=request.headers.get("content-type"),
            idempotency_key=key_of(request),
        )
        how = replace(reading_of(sender, self.format_name), tag=self.tag)
        kept = await receive(self.store, delivery, how, body)
        own = Audience("institute", exact=(sender["study_id"],))
        return await receipt_of(self.store, own, kept.ref)


async def door_of(request: Request, store: StoreDep, settings: SettingsDep) -> Door:
    """Return the door of this application."""
    state = request.app.state
    return Door(
        store,
        cast("Gatherer", state.gatherer),
        cast("Rebuffs", state.rebuffs),
        settings.body_max_bytes,
    )


DoorDep = Annotated[Door, Depends(door_of)]


@router.post("/push/{source}", status_code=202, response_model=Receipt, responses=WRITING)
async def push_from_source(
    source: UUID,
    request: Request,
    door: DoorDep,
    tag: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """
    Push telemetry from a source; the bytes are on disk when this answers.

    A source with a token expects it as `Authorization: Bearer <token>`, `X-Webhook-Token`,
    `X-Api-Key` or `?token=`; one with basic as the password of HTTP basic authentication; one
    with Standard Webhooks expects `webhook-id`, `webhook-timestamp` and `webhook-signature`; one
    with GitHub's scheme `X-Hub-Signature-256`. The same delivery again has no further effect and
    gets the same receipt. `tag` says whose a table is whose rows name none.
    """
    if tag is not None:
        door = replace(door, tag=reading(None, None, tag=tag).tag)
    try:
        if _is_small(request):
            body = await request.body()
            sender, receipt = await door.keep(source, body, request, prover(request, body))
        else:
            sender, receipt = await _large(source, request, door)
    except NotSignedIn as refused:
        return challenged(refused, basic=refused.code == "password-mismatch")
    answer = Response(receipt.model_dump_json(), sender["ack_status"], media_type=_JSON)
    announce(answer, receipt)
    return answer


_JSON = "application/json"


class Letterbox:
    """
    Take small pushes past the routes and what surrounds them: tags report a fix at a time.

    FastAPI finds a route and solves its arguments anew for each request, which took half of what
    a push costs the web process. What is sent in any other way goes on to the common route.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        source = _small_push(scope)
        if source is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        request = Request(scope, receive)
        door = await door_of(request, store_of(request), settings_of(request))
        try:
            answer = await push_from_source(source, request, door)
        except Problem as told:
            answer = answer_of(told)
        await answer(scope, receive, send)


_ROUTE = next(route for route in router.routes if isinstance(route, Route))
_ADDRESS = re.compile(r"/push/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")


def _small_push(scope: Scope) -> UUID | None:
    """Return the source of a request for the letterbox; None for one with anything unusual."""
    if scope["type"] != "http" or scope["method"] != "POST" or b"tag" in scope["query_string"]:
        return None
    address = _ADDRESS.fullmatch(scope["path"])
    if address is None:
        return None
    headers = dict(scope["headers"])
    size = headers.get(b"content-length", b"")
    plain = (
        size.isdigit() and 0 < int(size[:20]) <= SMALL_BYTES and b"content-encoding" not in headers
    )
    return UUID(address[1]) if plain else None


def _is_small(request: Request) -> bool:
    return 0 < int(request.headers.get("content-length", 0)) <= SMALL_BYTES


async def _large(source: UUID, request: Request, door: Door) -> tuple[Row, Receipt]:
    """Keep a large push: nobody unknown sends more than its headers, unless it signs its body."""
    sender = await door.sender(source)
    stream = bounded(request.stream(), door.limit_bytes)
    if sender["scheme"] in SIGNED:
        body = b"".join([piece async for piece in stream])
        return await door.keep(source, body, request, prover(request, body))
    try:
        prover(request)(sender)
    except SignatureRefused as refused:
        door.rebuffs.note(source, refused.code)
        raise unproven(refused) from refused
    return sender, await door.store_alone(sender, request, stream)


def unproven(refused: SignatureRefused) -> NotSignedIn:
    """Return the problem of a push whose sender is not proven."""
    return NotSignedIn(
        "The push is not proven to come from this source.",
        remedy=refused.remedy,
        code=refused.code,
    )


def challenged(refused: NotSignedIn, *, basic: bool) -> Response:
    """Return the answer to it; clients of basic authentication send their password when asked."""
    asks = {"WWW-Authenticate": 'Basic realm="flyways", charset="UTF-8"'}
    return problem_response(refused, headers=asks if basic else None)


KEY_MAX_CHARS = 255
"""Longest name of a delivery; an index of the database holds no row of much over 2,700 bytes."""

KEY_HEADERS = ("webhook-id", "idempotency-key", "x-github-delivery")


def key_of(request: Request) -> str | None:
    """Return the name that a sender gives its delivery."""
    found = next((key for name in KEY_HEADERS if (key := request.headers.get(name))), None)
    if found is not None and len(found) > KEY_MAX_CHARS:
        raise BadInput(
            f"The name of the delivery is over {KEY_MAX_CHARS} characters.",
            remedy="Send a shorter webhook-id or Idempotency-Key: a UUID has 36 characters.",
            code="idempotency-key-too-long",
        )
    return found


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
