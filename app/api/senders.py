"""What sources and connectors share: how their pushes are read, and which were read otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import Field

from app.api.paging import Listing, Page, paginate
from app.api.schemas import Body, Shown, Text, example
from app.pipeline.receive import both, reading
from app.store import inbox, receipts
from app.store.audience import Audience
from app.store.engine import Connection

READ_OTHERWISE = (
    "pushes of before that are read otherwise: they are listed below /read-otherwise, and"
    " POST /api/v1/pushes/{push_id}/decodings reads one again"
)


class HowOut(Shown):
    """How pushes are read."""

    format: str | None = Field(description="null: named by the bytes themselves")
    tz: str = Field(description="zone of times that carry none")
    encoding: str | None = Field(description="null: found out")
    datum: str = Field(description="of the coordinates: wgs84, gcj02, bd09")
    date_order: str | None = Field(description="of 03/04/2024: dmy, mdy; null: found out")
    mapping: UUID | None = Field(description="read with its newest version, in place of a format")


class HowIn(Body):
    """How pushes are to be read."""

    format: Text | None = None
    tz: Text = Field(inbox.DEFAULT_TZ, description="where the mapping states none")
    encoding: Text | None = Field(default=None, description="null: found out")
    datum: Text = inbox.DEFAULT_DATUM
    date_order: Text | None = Field(
        default=None, description="of dates such as 03/04/2024: dmy, mdy; null: found out"
    )
    mapping: UUID | None = Field(None, description="a column mapping of the study")


class HowEdit(Body):
    """How pushes are to be read from now on; what is left out stays."""

    format: Text | None = Field(None, description="ends the mapping; null: named by the bytes")
    tz: Text | None = None
    encoding: Text | None = Field(default=None, description="null: found out")
    datum: Text | None = None
    date_order: Text | None = Field(default=None, description="null: found out")
    mapping: UUID | None = Field(
        None, description="a column mapping of the study, in place of the format; null: none"
    )


class ReadOtherwise(Shown):
    """A push that is not read as its source or connector would have it read now."""

    model_config = example(
        push_id="5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11", received_at="2026-11-22T22:00:00Z",
        decoding=1, format="movebank-csv", tz="UTC", encoding=None, datum="wgs84",
        date_order=None, mapping=None,
        mapping_version=None, asked_by=None,
    )  # fmt: skip

    push_id: UUID
    received_at: datetime
    decoding: int
    format: str | None
    tz: str
    encoding: str | None
    datum: str
    date_order: str | None
    mapping: UUID | None
    mapping_version: int | None
    asked_by: str | None = Field(description="who had it read so; null: it came so")


def changes(asked: HowEdit) -> dict[str, Any]:
    """Return the columns that an edit sets; raises BadInput for names that are none we know."""
    given = {name: getattr(asked, name) for name in HowEdit.model_fields
             if name in asked.model_fields_set}  # fmt: skip
    for name in ("tz", "datum"):
        if given.get(name) is None:
            given.pop(name, None)
    reading(*(given.get(name) for name in ("format", "tz", "encoding", "datum", "date_order")))
    if given.get("format") is not None and given.get("mapping") is not None:
        raise both()
    if given.get("format") is not None:
        given["mapping"] = None
    elif given.get("mapping") is not None:
        given["format"] = None
    return given


async def read_otherwise(
    conn: Connection,
    audience: Audience,
    sender: tuple[receipts.Sender, int],
    page: Page,
    response: Response,
) -> Listing[ReadOtherwise]:
    """Return a page of the pushes of a source or connector that it would read otherwise now."""
    before = int(str(page.after[0])) if page.after else None
    rows = await receipts.read_otherwise(conn, audience, *sender, before=before, limit=page.fetch)
    return paginate(page, response, rows, key=lambda row: (row["id"],),
                    shape=lambda row: ReadOtherwise(**row))  # fmt: skip
