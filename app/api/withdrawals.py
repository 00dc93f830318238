"""Withdrawals: an owner takes a bird out of every product, and learns what changes by it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import BirdOut, Body, Shown, Text, example
from app.store import withdrawals

router = APIRouter(prefix="/api/v1", tags=["withdrawals"], route_class=StrictRoute)

_BIRD = "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11"
_SNAPSHOT = "2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2"


class WithdrawalIn(Body):
    """Why a bird is taken out."""

    model_config = example(reason="the landowner asked for it")

    reason: Text


class WithdrawnNumbers(Shown):
    """What left the products with the bird."""

    n_fixes: int = Field(description="visible until then; they are kept, hidden")
    n_stopovers: int
    n_legs: int
    n_seasons: int
    bird_days: float
    sites: list[str] = Field(description="of your catalogue, whose counts are others now")


class TouchedSnapshot(Shown):
    """A kept answer that stood on the bird."""

    id: UUID
    address: str
    made_at: datetime


class WithdrawalOut(Shown):
    """A withdrawal, and the numbers it changes."""

    model_config = example(
        id="7c2c81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        individual={"id": _BIRD, "local_identifier": "WNC-17"},
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", reason="the landowner asked for it",
        numbers={"n_fixes": 6747, "n_stopovers": 12, "n_legs": 11, "n_seasons": 4,
                 "bird_days": 365.0, "sites": ["Mongol Daguur"]},
        snapshots=[{"id": _SNAPSHOT, "address": "/api/v1/sites",
                    "made_at": "2026-11-27T00:00:00Z"}],
        decided_by="Institute of the Amur", decided_at="2026-11-28T00:00:00Z", undone_at=None,
        undone_by=None,
    )  # fmt: skip

    id: UUID
    individual: BirdOut
    study: UUID
    reason: str
    numbers: WithdrawnNumbers
    snapshots: list[TouchedSnapshot] = Field(
        description="answer 410 now; GET /api/v1/snapshots/{id}/changes tells the numbers that"
        " are others"
    )
    decided_by: str
    decided_at: datetime
    undone_at: datetime | None
    undone_by: str | None


def _shown(row: dict[str, Any]) -> WithdrawalOut:
    bird = {"id": row["individual_id"], "local_identifier": row["individual"]}
    return WithdrawalOut(**{**row, "id": row["ref"], "individual": bird, "reason": row["note"]})


@router.post("/individuals/{individual}/withdraw", status_code=201, responses=WRITING)
async def withdraw_individual(
    individual: UUID, body: WithdrawalIn, store: StoreDep, audience: ManagerAudience
) -> WithdrawalOut:
    """
    Take a bird out of every product; its fixes are kept, hidden by the flag `withdrawn`.

    What is derived of it goes at once; sites and flyways are made again within seconds, and each
    snapshot that it touched answers 410 with its manifest.
    """
    async with store.write() as conn:
        return _shown(await withdrawals.withdraw(conn, audience, individual, body.reason))


@router.delete("/individuals/{individual}/withdraw", responses=WRITING)
async def take_withdrawal_back(
    individual: UUID, store: StoreDep, audience: ManagerAudience
) -> WithdrawalOut:
    """Let a withdrawn bird return: products hold it again, and its snapshots can be read."""
    async with store.write() as conn:
        return _shown(await withdrawals.take_back(conn, audience, individual))


@router.get("/withdrawals", responses=READING)
async def list_withdrawals(
    store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[WithdrawalOut]:
    """List the birds of own studies that were withdrawn, the newest first, with those returned."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await withdrawals.page(conn, audience, limit=page.fetch, before=before)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)
