"""Other readings of a push that is kept: tried out with their effect first, then done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict, Field

from app.api.auth import CurrentAudience, ManagerAudience, require
from app.api.deps import StoreDep, StrictRoute
from app.api.effects import EFFECT_EXAMPLE, EffectOut, effect_shown
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.pushes import DRY_RUN_MAX_BYTES, announce
from app.api.receipts import RECEIPT_EXAMPLE, Receipt, receipt_of, shape
from app.api.schemas import Body, Shown, example
from app.errors import BadInput
from app.pipeline.replay import Wanted, replay
from app.store import corrections
from app.store.audience import Audience
from ingest.correction import TEXT_MAX_CHARS

router = APIRouter(prefix="/api/v1", tags=["pushes"], route_class=StrictRoute)

UNITS_MAX = 1_000
"""Units corrected in one request; of more, the corrected file is better pushed."""


class CorrectionIn(Body):
    """What is to be read in place of a refused unit."""

    model_config = example(unit=17, text="2024-03-01 08:00:00,127.5,34.8,D1")

    unit: int = Field(ge=1, le=2**53, description="its number, from the refusals")
    text: str | None = Field(
        max_length=TEXT_MAX_CHARS,
        description="the whole unit, of a workbook the row as CSV; null: what was sent",
    )


class DecodingIn(Body):
    """How a kept push is to be read; what is left out stays as it was."""

    model_config = example(tz="UTC+8", dry_run=False)

    format: str | None = Field(None, max_length=64)
    tz: str | None = Field(None, max_length=64, description="zone of times that carry none")
    encoding: str | None = Field(None, max_length=64)
    datum: str | None = Field(None, max_length=64)
    date_order: str | None = Field(None, max_length=64, description="dmy or mdy: of 03/04/2024")
    mapping: UUID | None = Field(None, description="a column mapping, in its newest version")
    tag: str | None = Field(None, max_length=200, description="whose rows without a tag are")
    corrections: list[CorrectionIn] = Field(default_factory=list, max_length=UNITS_MAX)
    dry_run: bool = Field(
        default=True, description="store nothing, answer the receipt it would get"
    )


class DecodingOut(Receipt):
    """A receipt, and in a trial what would change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [RECEIPT_EXAMPLE | {"effect": EFFECT_EXAMPLE}]}
    )

    effect: EffectOut | None = Field(None, description="of a trial")


class DecodingListed(Shown):
    """One reading of a push; the one without `replaced_at` is in force."""

    model_config = example(
        number=2, format="movebank-csv", tz="UTC+8", tag=None, mapping=None, mapping_version=None,
        corrections=0, asked_by="Institute of the Amur", state="processed", units=6752,
        records=6749, refused=3, stored=6747, received_at="2026-11-27T00:00:00Z", replaced_at=None,
    )  # fmt: skip

    number: int
    format: str | None
    tz: str
    tag: str | None
    mapping: UUID | None
    mapping_version: int | None
    corrections: int = Field(description="units that were ever corrected up to it")
    asked_by: str | None = Field(description="null: it came so")
    state: str
    units: int
    records: int
    refused: int
    stored: int
    received_at: datetime
    replaced_at: datetime | None


class CorrectionOut(Shown):
    """What a person corrected; the newest of a unit counts."""

    model_config = example(
        unit=17, original="never,127.5,34.8,D1", text="2024-03-01 08:00:00,127.5,34.8,D1",
        corrected_by="Institute of the Amur", corrected_at="2026-11-27T00:00:00Z",
    )  # fmt: skip

    unit: int
    original: str
    text: str | None = Field(description="null: taken back")
    corrected_by: str
    corrected_at: datetime


async def _manager_who_pushes(audience: ManagerAudience) -> Audience:
    return require(audience, "push")


@router.post("/pushes/{push_id}/decodings", status_code=202, responses=WRITING)
async def decode_again(
    push_id: UUID,
    wanted: DecodingIn,
    response: Response,
    store: StoreDep,
    audience: Annotated[Audience, Depends(_manager_who_pushes)],
) -> DecodingOut:
    """
    Read a kept push in another format, zone, encoding, datum, order of dates or mapping.

    Or as that of another tag, where its rows name none. Refused units may be corrected in the same
    step.

    Needs the scopes `manage` and `push`. A dry run, which is the default, stores nothing and
    answers the receipt the push would get, with the fixes, birds and refusals that would change.
    Done for good, the receipt grows until it is final; what was read before stays until then, and
    beyond it where this reading fails: `failed_reading` says why.
    The bytes stay as they were sent. The same once more changes nothing.
    """
    units = {each.unit: each.text for each in wanted.corrections}
    if len(units) < len(wanted.corrections):
        raise BadInput("A unit is corrected twice.", remedy="Give one text for each unit.")
    found = await replay(
        store,
        audience,
        push_id,
        Wanted(
            wanted.format,
            wanted.tz,
            wanted.encoding,
            wanted.datum,
            wanted.date_order,
            wanted.mapping,
            units,
            wanted.tag,
        ),
        apply=not wanted.dry_run,
        limit_bytes=DRY_RUN_MAX_BYTES,
    )
    receipt = shape(found.after)
    if not wanted.dry_run:
        announce(response, receipt)
    effect = None if found.effect is None else effect_shown(found.effect)
    return DecodingOut(**receipt.model_dump(), effect=effect)


@router.get("/pushes/{push_id}/decodings", responses=READING)
async def list_decodings(
    push_id: UUID, response: Response, store: StoreDep, audience: CurrentAudience, page: PageDep
) -> Listing[DecodingListed]:
    """List how a push was read, the newest first, and who asked for it."""
    await receipt_of(store, audience, push_id)
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await corrections.readings(conn, audience, push_id, before=before, limit=page.fetch)
    return paginate(page, response, rows, key=lambda row: (row["number"],),
                    shape=lambda row: DecodingListed(**row))  # fmt: skip


@router.get("/pushes/{push_id}/corrections", responses=READING)
async def list_corrections(
    push_id: UUID, response: Response, store: StoreDep, audience: CurrentAudience, page: PageDep
) -> Listing[CorrectionOut]:
    """List what was corrected in a push, by whom and when."""
    await receipt_of(store, audience, push_id)
    after = int(str(page.after[0])) if page.after else 0
    async with store.read() as conn:
        rows = await corrections.history(conn, audience, push_id, after=after, limit=page.fetch)
    return paginate(page, response, rows, key=lambda row: (row["id"],),
                    shape=lambda row: CorrectionOut(**row))  # fmt: skip
