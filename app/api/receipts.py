"""A push and what became of it, as callers are told over HTTP and on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from app.api.schemas import Shown
from app.errors import NotFound
from app.store import receipts
from app.store.audience import Audience
from app.store.engine import Store

RECEIPT_EXAMPLE: dict[str, JsonValue] = {
    "push_id": "5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11",
    "digest": "sha256:6f0c…", "study": "0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11",
    "format": "movebank-csv", "tz": "UTC", "encoding": None, "datum": "wgs84",
    "date_order": None, "tag": None, "mapping": None, "mapping_version": None, "decoding": 1,
    "state": "processed", "replay_of": None,
    "units": 6752, "records": 6749, "refused": 3, "stored": 6747,
    "duplicates": 2, "superseded": 0, "without_position": 0,
    "of_stored": {"undeployed": 0, "undeployed_tags": [], "flagged": {"speed": 4}},
    "individuals": ["2c1f0b8e-0000-4000-8000-000000000000"],
    "time_first": "2018-07-08T10:48:10Z", "time_last": "2021-11-03T08:00:00Z",
    "warnings": [], "problem": None, "failed_reading": None,
    "received_at": "2026-11-22T22:00:00Z", "stored_at": "2026-11-22T22:00:01Z",
    "processed_at": "2026-11-22T22:00:02Z", "links": {"refusals": "…/refusals"},
}  # fmt: skip


class UndeployedTag(Shown):
    """A tag with fixes of a push that wait for a deployment."""

    tag: UUID
    local_identifier: str
    n_fixes: int
    time_first: datetime
    time_last: datetime


class OfStored(Shown):
    """What the stored fixes have become."""

    undeployed: int = Field(description="no bird wore the tag then; they wait with the tag")
    undeployed_tags: list[UndeployedTag] = Field(description="where they wait; the first 100 tags")
    flagged: dict[str, int] = Field(description="flag code to number of fixes")


class FailedReading(Shown):
    """A reading asked for later than the one in force, and why it failed."""

    decoding: int
    format: str | None
    tz: str
    problem: dict[str, str]


class Receipt(Shown):
    """
    A push and what became of it.

    units = records + refused; records = stored + duplicates + superseded + without_position.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [RECEIPT_EXAMPLE]})

    push_id: UUID | None = Field(description="null for a dry run")
    digest: str
    study: UUID
    format: str | None
    tz: str
    encoding: str | None = Field(description="null: found out")
    datum: str
    date_order: str | None = Field(description="null: found out")
    tag: str | None = Field(description="whose rows without a tag are")
    mapping: UUID | None = Field(None, description="the column mapping it is read with")
    mapping_version: int | None = None
    decoding: int
    state: str = Field(description="received, stored, processed or failed")
    replay_of: UUID | None
    units: int
    records: int
    refused: int
    stored: int
    duplicates: int
    superseded: int
    without_position: int
    of_stored: OfStored
    individuals: list[UUID]
    time_first: datetime | None
    time_last: datetime | None
    warnings: list[dict[str, str]]
    problem: dict[str, str] | None = Field(description="why the push failed, and the remedy")
    failed_reading: FailedReading | None = Field(
        None, description="a newer reading that failed; all else tells of the one in force"
    )
    received_at: datetime
    stored_at: datetime | None
    processed_at: datetime | None
    links: dict[str, str]


def shape(row: dict[str, Any]) -> Receipt:
    """Shape a stored receipt for the wire."""
    ref, failed = row["ref"], row.get("failed_reading")
    told = {name: row[name] for name in Receipt.model_fields if name in row} | {
        "push_id": ref,
        "digest": "sha256:" + row["digest"].hex(),
        "decoding": row["number"],
        "mapping_version": row["mapping_version"] or None,
        "of_stored": OfStored(**{name: row[name] for name in OfStored.model_fields}),
        "failed_reading": failed and FailedReading(**failed),
        "links": {"self": f"/api/v1/pushes/{ref}", "refusals": f"/api/v1/pushes/{ref}/refusals"},
    }
    return Receipt(**told)


async def receipt_of(store: Store, audience: Audience, ref: UUID) -> Receipt:
    """Return the receipt of a push, or NotFound."""
    async with store.read() as conn:
        row = await receipts.receipt(conn, audience, ref)
    if row is None:
        raise NotFound(
            "There is no such push for this caller.",
            remedy="Take push_id from the receipt of the push, with a key of the same institute.",
        )
    return shape(row)
