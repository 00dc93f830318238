"""Sources: addresses that telemetry is pushed to, and the secrets that open them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import STATISTICS, Statistics, Text, example
from app.api.senders import (
    READ_OTHERWISE,
    HowEdit,
    HowIn,
    HowOut,
    ReadOtherwise,
    changes,
    read_otherwise,
)
from app.pipeline.receive import mapped, reading
from app.store import receipts, sending, sources, studies

router = APIRouter(prefix="/api/v1/sources", tags=["sources"], route_class=StrictRoute)

_EXAMPLE: dict[str, JsonValue] = {
    "id": "e1a7d2c4-0c7e-4f0e-8d31-5b9f5b1c2a66",
    "study": "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
    "name": "GSM gateway",
    "push": "/push/e1a7d2c4-0c7e-4f0e-8d31-5b9f5b1c2a66",
    "format": "flyways-json",
    "tz": "UTC",
    "encoding": None,
    "datum": "wgs84",
    "date_order": None,
    "mapping": None,
    "scheme": "standard-webhooks",
    "secrets_valid": 1,
    "ack_status": 202,
    "refused_signatures": 3,
    "refused_last_at": "2026-03-01T06:00:00Z",
    "refused_last_code": "signature-time",
    "warnings": [{"code": "pushes-refused", "detail": "3 pushes …", "remedy": "…"}],
    "created_at": "2026-03-01T00:00:00Z",
    "disabled_at": None,
}


class SourceOut(HowOut):
    """An address that telemetry is pushed to."""

    model_config = example(**_EXAMPLE)

    id: UUID
    study: UUID
    name: str
    push: str = Field(description="path to push to")
    scheme: sources.Scheme
    secrets_valid: int
    ack_status: int
    refused_signatures: int = Field(description="pushes not proven to come from this source")
    refused_last_at: datetime | None
    refused_last_code: str | None
    warnings: list[dict[str, str]] = Field(description="what a manager should look at")
    created_at: datetime
    disabled_at: datetime | None


class SourceOpened(SourceOut):
    """A source with a new secret, which is shown this once."""

    model_config = example(**_EXAMPLE, secret="whsec_…")  # noqa: S106 - no secret

    secret: str


class SourceEdited(SourceOut):
    """A source after an edit."""

    model_config = example(**_EXAMPLE, n_read_otherwise=0)

    n_read_otherwise: int = Field(description=READ_OTHERWISE)


class SourceStatistics(Statistics):
    """How a source sends: intervals and silence of its newest 200 pushes, lags of their fixes."""

    model_config = example(
        **STATISTICS, n_pushes=200, n_fixes=4100, received_last="2020-03-14T06:00:00Z"
    )

    n_pushes: int = Field(description="pushes that this is drawn from")
    n_fixes: int = Field(description="their fixes that the lags are drawn from: a sample of many")
    received_last: datetime | None = Field(description="when the newest push came")


class SourceIn(HowIn):
    """A source to add."""

    model_config = example(
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", name="GSM gateway", scheme="token"
    )

    study: UUID
    name: Text
    scheme: sources.Scheme
    ack_status: Literal[200, 202] = 202


class SourceEdit(HowEdit):
    """What to change of a source."""

    model_config = example(disabled=True)

    disabled: bool | None = None
    only_newest_secret: bool = Field(default=False, description="true ends the secret before it")
    refusals_seen: bool = Field(default=False, description="true ends the alert over refusals")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "id": row["ref"],
        "push": f"/push/{row['ref']}",
        "warnings": [_alert(row)] if row["alarmed"] else [],
    }


def _alert(row: dict[str, Any]) -> dict[str, str]:
    return {
        "code": "pushes-refused",
        "detail": f"{row['refused_lately']} pushes were not proven to come from this source, the"
        f" last with {row['refused_last_code']}.",
        "remedy": "Have the sender check secret and clock. If it is not the sender who tries,"
        " rotate the secret. PATCH refusals_seen ends this warning.",
    }


def _shown(row: dict[str, Any]) -> SourceOut:
    return SourceOut(**_row(row))


@router.get("", responses=READING)
async def list_sources(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
) -> Listing[SourceOut]:
    """List the sources of the caller's own studies; secrets are never shown again."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await sources.page(conn, audience, limit=page.fetch, after=after, study=study)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_source(
    body: SourceIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> SourceOpened:
    """Add a source; the answer holds its secret, once."""
    how = reading(body.format, body.tz, body.encoding, body.datum, body.date_order)
    async with store.write() as conn:
        study = await studies.owned(conn, audience, body.study)
        found = await mapped(conn, audience, study["id"], how, body.mapping)
        how = replace(how, mapping_id=found.mapping_id)
        row = await sources.create(
            conn,
            audience,
            study["id"],
            name=body.name,
            scheme=body.scheme,
            how=how,
            ack_status=body.ack_status,
        )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/api/v1/sources/{row['ref']}"
    return SourceOpened(**_row(row))


@router.get("/{source}", responses=READING)
async def read_source(source: UUID, store: StoreDep, audience: CurrentAudience) -> SourceOut:
    """Read one source."""
    async with store.read() as conn:
        return _shown(await sources.one(conn, audience, source))


@router.post("/{source}/rotate", responses=WRITING)
async def rotate_secret(
    source: UUID, store: StoreDep, audience: ManagerAudience, response: Response
) -> SourceOpened:
    """Give a source a new secret; the one before stays valid until the next rotation."""
    async with store.write() as conn:
        row = await sources.rotate(conn, audience, source)
    response.headers["Cache-Control"] = "no-store"
    return SourceOpened(**_row(row))


@router.get("/{source}/statistics", responses=READING)
async def read_source_statistics(
    source: UUID, store: StoreDep, audience: CurrentAudience, response: Response
) -> SourceStatistics:
    """Tell how a source sends, from its newest pushes, and whether it is silent by its habit."""
    response.headers["Cache-Control"] = "no-store"  # a silence grows while nothing else changes
    async with store.read() as conn:
        return SourceStatistics(**await sending.of_source(conn, audience, source))


@router.patch("/{source}", responses=WRITING)
async def edit_source(
    source: UUID, body: SourceEdit, store: StoreDep, audience: ManagerAudience
) -> SourceEdited:
    """
    Change how pushes are read, disable or enable a source, end its older secret or an alert.

    Pushes that came before stay as they were read: how many that concerns is answered, and which,
    by `GET /api/v1/sources/{source}/read-otherwise`.
    """
    how = changes(body)
    async with store.write() as conn:
        row = await sources.edit(
            conn,
            audience,
            source,
            how=how,
            disabled=body.disabled,
            only_newest=body.only_newest_secret,
            refusals_seen=body.refusals_seen,
        )
        otherwise = await receipts.n_read_otherwise(conn, audience, "source", row["id"])
    return SourceEdited(**_row(row), n_read_otherwise=otherwise)


@router.get("/{source}/read-otherwise", responses=READING)
async def list_read_otherwise(
    source: UUID, store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[ReadOtherwise]:
    """List the pushes of a source that are not read as it says now, newest first."""
    async with store.read() as conn:
        row = await sources.one(conn, audience, source)
        return await read_otherwise(conn, audience, ("source", row["id"]), page, response)
