"""Telemetry webhooks: one address per source, proven by a token or a signature."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.deps import SettingsDep, StoreDep
from app.api.pushes import Receipt, announce, receipt_of
from app.errors import NotFound, NotSignedIn
from app.pipeline.receive import bounded, reading, receive
from app.store import inbox, sources
from app.store.audience import Audience
from app.store.engine import Store
from ingest.signatures import SECRET_PREFIX, SignatureRefused, check_token, check_webhook

router = APIRouter(tags=["pushes"])


@router.post("/push/{source}", status_code=202)
async def push_from_source(
    source: UUID, request: Request, response: Response, store: StoreDep, settings: SettingsDep
) -> Receipt:
    """
    Push telemetry from a source; the bytes are on disk when this answers.

    A source with a token expects it as `Authorization: Bearer <token>` or `X-Webhook-Token`; one
    with Standard Webhooks expects `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    The same delivery again has no further effect and gets the same receipt.
    """
    async with store.read() as conn:
        sender = await sources.sender(conn, source)
    if sender is None:
        raise NotFound(
            "There is no such source.",
            remedy="Take the address from the source's page, or from whoever set it up.",
        )
    body = b"".join([piece async for piece in bounded(request.stream(), settings.body_max_bytes)])
    await _prove(store, sender, request, body)
    delivery = inbox.Delivery(
        sender["study_id"],
        source_id=sender["id"],
        content_type=request.headers.get("content-type"),
        idempotency_key=request.headers.get("webhook-id") or request.headers.get("idempotency-key"),
    )
    kept = await receive(store, delivery, reading(sender["format"], sender["tz"]), _whole(body))
    receipt = await receipt_of(store, Audience("institute", exact=(sender["study_id"],)), kept.ref)
    announce(response, receipt)
    response.status_code = sender["ack_status"]
    return receipt


async def _prove(store: Store, sender: dict[str, Any], request: Request, body: bytes) -> None:
    """Check who sends; a refusal is counted, so that a source under attack or misset shows."""
    try:
        if sender["scheme"] == "token":
            check_token(_token(request), sender["secrets"])
        else:
            check_webhook(
                body,
                message_id=request.headers.get("webhook-id"),
                timestamp=request.headers.get("webhook-timestamp"),
                signature=request.headers.get("webhook-signature"),
                secrets=[SECRET_PREFIX + b64encode(key).decode() for key in sender["secrets"]],
                now_s=int(time.time()),
            )
    except SignatureRefused as refused:
        async with store.write() as conn:
            await sources.count_refused(conn, sender["id"])
        raise NotSignedIn(
            "The push is not proven to come from this source.",
            remedy=refused.remedy,
            code=refused.code,
        ) from refused


def _token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else request.headers.get("x-webhook-token")


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
