"""Reference data: a Movebank CSV of tags, birds and deployments, taken in as a push."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.auth import ManagerAudience
from app.api.deps import SettingsDep, StoreDep
from app.api.problems import WRITING
from app.api.pushes import announce, sent
from app.api.receipts import Receipt, receipt_of
from app.pipeline.receive import bounded, reading, receive
from app.store import inbox, studies

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

FORMAT = "movebank-reference-csv"


@router.post("/{study}/reference-data", status_code=202, responses=WRITING)
async def upload_reference_data(
    study: UUID,
    request: Request,
    response: Response,
    store: StoreDep,
    settings: SettingsDep,
    audience: ManagerAudience,
    tz: Annotated[str | None, Query(max_length=64)] = None,
    encoding: Annotated[str | None, Query(max_length=64)] = None,
    date_order: Annotated[str | None, Query(max_length=64)] = None,
) -> Receipt:
    """
    Upload reference data, as a raw body or one file of a multipart form.

    It is kept as sent and answered with a receipt, like any push; `stored` counts the rows that
    changed something, and refused rows stand under `links.refusals`. `date_order`, dmy or mdy, says
    what 03/04/2024 is; left out, the rows must prove it.
    """
    how = reading(FORMAT, tz, encoding, date_order=date_order)
    async with store.read() as conn:
        study_id = int((await studies.owned(conn, audience, study))["id"])
    delivery = inbox.Delivery(
        study_id, content_type=request.headers.get("content-type"), idempotency_key=None
    )
    async with sent(request) as (_, body):
        kept = await receive(store, delivery, how, bounded(body, settings.body_max_bytes))
    receipt = await receipt_of(store, audience, kept.ref)
    announce(response, receipt)
    return receipt
