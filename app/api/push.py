"""Telemetry webhooks: one address per source, proven by a token or a signature."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.api.deps import SettingsDep, StoreDep
from app.api.problems import WRITING
from app.api.pushes import Receipt, announce, receipt_of, shape
from app.errors import BadInput, NotSignedIn
from app.pipeline.gather import SMALL_BYTES, Gatherer, Handed, known_sender
from app.pipeline.receive import bounded, reading_of, receive
from app.store import inbox, sources
from app.store.audience import Audience
from app.store.engine import Store
from ingest.signatures import SECRET_PREFIX, SignatureRefused, check_token, check_webhook

router = APIRouter(tags=["pushes"])

Row = dict[str, Any]


async def _gatherer(request: Request) -> Gatherer:
    gatherer: Gatherer = request.app.state.gatherer
    return gatherer


@router.post("/push/{source}", status_code=202, response_model=Receipt, responses=WRITING)
async def push_from_source(
    source: UUID,
    request: Request,
    store: StoreDep,
    settings: SettingsDep,
    gatherer: Annotated[Gatherer, Depends(_gatherer)],
) -> Response:
    """
    Push telemetry from a source; the bytes are on disk when this answers.

    A source with a token expects it as `Authorization: Bearer <token>` or `X-Webhook-Token`; one
    with Standard Webhooks expects `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    The same delivery again has no further effect and gets the same receipt.
    """
    try:
        if 0 < int(request.headers.get("content-length", 0)) <= SMALL_BYTES:
            sender, receipt = await _gathered(source, request, store, gatherer)
        else:
            sender, receipt = await _alone(source, request, store, settings.body_max_bytes)
    except SignatureRefused as refused:
        # Counted, so that a source under attack or misset shows.
        async with store.write() as conn:
            await sources.count_refused(conn, source)
        raise NotSignedIn(
            "The push is not proven to come from this source.",
            remedy=refused.remedy,
            code=refused.code,
        ) from refused
    answer = Response(receipt.model_dump_json(), sender["ack_status"], media_type=_JSON)
    announce(answer, receipt)
    return answer


_JSON = "application/json"


async def _gathered(
    source: UUID, request: Request, store: Store, gatherer: Gatherer
) -> tuple[Row, Receipt]:
    """Keep a small push together with the others that come at this moment."""
    body = await request.body()
    headers = request.headers
    posted = await gatherer.keep(
        Handed(source, body, _prover(request, body), headers.get("content-type"), _key(request))
    )
    if posted.receipt is not None:
        return posted.sender, shape(posted.receipt)
    return posted.sender, await _kept(posted.sender, request, store, body)


async def _alone(
    source: UUID, request: Request, store: Store, limit_bytes: int
) -> tuple[Row, Receipt]:
    """Keep a push in a transaction of its own; nobody unknown sends more than its headers."""
    async with store.read() as conn:
        sender = known_sender(await sources.sender(conn, source))
    body = b"".join([piece async for piece in bounded(request.stream(), limit_bytes)])
    _prover(request, body)(sender)
    return sender, await _kept(sender, request, store, body)


async def _kept(sender: Row, request: Request, store: Store, body: bytes) -> Receipt:
    delivery = inbox.Delivery(
        sender["study_id"],
        source_id=sender["id"],
        content_type=request.headers.get("content-type"),
        idempotency_key=_key(request),
    )
    kept = await receive(store, delivery, reading_of(sender), _whole(body))
    return await receipt_of(store, Audience("institute", exact=(sender["study_id"],)), kept.ref)


KEY_MAX_CHARS = 255
"""Longest name of a delivery; an index of the database holds no row of much over 2,700 bytes."""


def _key(request: Request) -> str | None:
    found = request.headers.get("webhook-id") or request.headers.get("idempotency-key")
    if found is not None and len(found) > KEY_MAX_CHARS:
        raise BadInput(
            f"The name of the delivery is over {KEY_MAX_CHARS} characters.",
            remedy="Send a shorter webhook-id or Idempotency-Key: a UUID has 36 characters.",
            code="idempotency-key-too-long",
        )
    return found


def _prover(request: Request, body: bytes) -> Callable[[Row], None]:
    """Return what checks a push against its sender's secrets; it raises SignatureRefused."""
    headers, now_s = request.headers, int(time.time())

    def prove(sender: Row) -> None:
        if sender["scheme"] == "token":
            check_token(_token(request), sender["secrets"])
            return
        check_webhook(
            body,
            message_id=headers.get("webhook-id"),
            timestamp=headers.get("webhook-timestamp"),
            signature=headers.get("webhook-signature"),
            secrets=[SECRET_PREFIX + b64encode(key).decode() for key in sender["secrets"]],
            now_s=now_s,
        )

    return prove


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else request.headers.get("x-webhook-token")


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
