"""Habitat use: bird-days by class, area, designation, bird or season."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.layers import not_designations
from app.api.ledger import INTERVAL
from app.api.schemas import Shown, example
from app.errors import BadInput
from app.movement.protection import Basis, Cover, is_ramsar
from app.store import habitat
from app.store.habitat import By, Per, Use
from app.store.layers import Layer
from app.store.sight import Filters

router = APIRouter(prefix="/api/v1/habitat", tags=["habitat"])


class UseRow(Shown):
    """Bird-days of one key."""

    part: str | None = Field(description="individual id, season or species, where asked by `per`")
    key: str = Field(description="class or area name, designations, individual id, or season id")
    name: str
    bird_days: float
    share: float
    share_low: float | None = Field(description="95 % interval; null below ten birds")
    share_high: float | None
    n_individuals: int


class DesignationUse(Shown):
    """Bird-days under one designation, whatever others hold there as well."""

    designation: str
    ramsar: bool
    bird_days: float
    share: float


class ProtectionOut(Shown):
    """
    Shares of the time under protection; each second counts once in each of them.

    A Ramsar listing protects by no law of its own and stands apart: time in a reserve that is
    listed as well is in both. The other two are what is left over.
    """

    basis: Basis
    legal_share: float
    ramsar_share: float
    undated_share: float = Field(description="in areas of which nobody said since when, alone")
    unprotected_share: float
    designations: list[DesignationUse]


class UseOut(Shown):
    """Bird-days by key; `total_bird_days` is the sum of the rows and of what is pending."""

    model_config = example(
        by="class",
        layer="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        source="MODIS MCD12C1 2019",
        cell_size_m=5600.0,
        total_bird_days=412.5,
        pending_bird_days=0.0,
        interval="95 %, …",
        items=[
            {
                "part": None, "key": "Grassland", "name": "Grassland", "bird_days": 412.5,
                "share": 1.0, "share_low": None, "share_high": None, "n_individuals": 7,
            }
        ],
        protection=None,
    )  # fmt: skip

    by: By
    layer: UUID | None
    source: str | None
    cell_size_m: float | None
    total_bird_days: float
    pending_bird_days: float = Field(description="own bird-days not yet measured against the layer")
    interval: str
    items: list[UseRow]
    protection: ProtectionOut | None = Field(description="with by=protection")


@router.get("/use", responses=READING_KEPT, dependencies=PRODUCT)
async def read_use(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    by: Annotated[By, Query()],
    layer: Annotated[UUID | None, Query()] = None,
    basis: Annotated[
        Basis, Query(description="of protection: what held at the time, or all that holds today")
    ] = "at_time",
    per: Annotated[Per | None, Query(description="rows of each bird, season or species")] = None,
) -> UseOut:
    """
    Read bird-days by class, area, designation, bird or season.

    Birds of opened studies of others enter by whole months within `datetime`, each when all of it
    is released, and only where at least three of a study and species share its class and season.
    With `by=protection` a row is the exact set of designations that hold, so that overlaps count
    once; `protection` adds them up.
    """
    _check(filters, by, layer)
    async with store.read() as conn:
        chosen, covers, names = None, {}, None
        if layer is not None or by == "area":
            chosen = await habitat.find_layer(conn, audience, layer)
        if chosen is not None and by in {"class", "protection"}:
            _check_kind(chosen, by)
        if chosen is not None and by == "protection":
            covers = await habitat.covers(conn, audience, chosen, basis)
            names = {number: each.label for number, each in covers.items()}
        found = await habitat.use(
            conn, audience, filters, by=by, layer=chosen, per=per, names=names
        )
    total = sum(row["bird_days"] for row in found.rows) + found.pending_bird_days
    return UseOut(
        by=by,
        layer=chosen.ref if chosen else None,
        source=chosen.source if chosen else None,
        cell_size_m=chosen.cell_size_m if chosen else None,
        total_bird_days=total,
        pending_bird_days=found.pending_bird_days,
        interval=INTERVAL,
        items=_rows(found, total),
        protection=_protection(basis, found, covers) if by == "protection" else None,
    )


def _rows(found: Use, total: float) -> list[UseRow]:
    """Return the rows with their shares; what is pending makes each smaller, its interval too."""
    shown = sum(row["bird_days"] for row in found.rows)
    measured = shown / total if total else 0.0
    out = []
    for row in found.rows:
        low, high = found.intervals.get((row["part"], row["key"]), (None, None))
        out.append(
            UseRow(
                **row,
                share=row["bird_days"] / total if total else 0.0,
                share_low=None if low is None else low * measured,
                share_high=None if high is None else high * measured,
            )
        )
    return out


def _check(filters: Filters, by: By, layer: UUID | None) -> None:
    if filters.box is not None:
        raise BadInput(
            "Bird-days have no place of their own.",
            code="bbox-not-here",
            remedy="Leave bbox out; use by=area, or upload the area as a layer.",
        )
    if by in {"class", "protection"} and layer is None:
        raise BadInput(
            "Classes and designations are those of a layer.",
            code="layer-missing",
            remedy="Name one with layer=<id> from GET /api/v1/habitat/layers.",
        )


def _check_kind(layer: Layer, by: By) -> None:
    if by == "protection" and layer.kind != "protection":
        raise not_designations()
    if by == "class" and layer.kind == "protection":
        raise BadInput(
            "Designations may overlap, and are no classes.",
            code="layer-is-protection",
            remedy="Ask with by=protection.",
        )


def _protection(basis: Basis, found: Use, covers: dict[int, Cover]) -> ProtectionOut:
    """Add up what the rows show, and nothing that they hide."""
    shown = sum(row["bird_days"] for row in found.rows)
    by_label = {each.label: each for each in covers.values()}
    spent = [(by_label[row["key"]], float(row["bird_days"])) for row in found.rows]
    under: dict[str, float] = {}
    for each, days in spent:
        for name in each.holding:
            under[name] = under.get(name, 0.0) + days

    def share(days: float) -> float:
        return days / shown if shown else 0.0

    return ProtectionOut(
        basis=basis,
        legal_share=share(sum(days for each, days in spent if each.legal)),
        ramsar_share=share(sum(days for each, days in spent if each.ramsar)),
        undated_share=share(sum(days for each, days in spent if each.undated and not each.holding)),
        unprotected_share=share(
            sum(days for each, days in spent if not each.undated and not each.holding)
        ),
        designations=[
            DesignationUse(
                designation=name, ramsar=is_ramsar(name), bird_days=days, share=share(days)
            )
            for name, days in sorted(under.items())
        ],
    )
