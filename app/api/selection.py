"""Selection: classes that birds use more, or less, than their areas offer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Query
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.schemas import Shown, example
from app.errors import BadInput
from app.movement.families import BIRDS_MIN
from app.movement.protection import cover
from app.movement.selection import select
from app.store import habitat, selection
from app.store.families import family_of
from app.store.layers import Layer

router = APIRouter(prefix="/api/v1/habitat", tags=["habitat"])


class SelectionRow(Shown):
    """One class: 0 of Jacobs' index and 1 of Manly's ratio mean used as it was there."""

    name: str
    bird_days: float
    used_share: float
    available_share: float
    jacobs: float | None
    jacobs_low: float | None
    jacobs_high: float | None
    manly: float | None
    manly_low: float | None
    manly_high: float | None


class SelectionOut(Shown):
    """
    Use against availability within the birds' own areas.

    Available is what lies in the area that holds 95 % of a bird's time in a season (its home
    range by `akde`; by Brownian bridges where the bird was on its way), each area weighing as
    the time spent in that season.
    """

    model_config = example(
        layer="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        source="MODIS MCD12C1 2019",
        cell_size_m=5600.0,
        n_birds=14,
        n_families=11,
        n_bird_seasons=31,
        bird_days=2100.5,
        method="Jacobs 1974, Manly 2002 design III; 95 % intervals over families",
        items=[
            {
                "name": "Permanent wetlands", "bird_days": 840.2, "used_share": 0.4,
                "available_share": 0.1, "jacobs": 0.71, "jacobs_low": 0.62, "jacobs_high": 0.78,
                "manly": 4.0, "manly_low": 3.2, "manly_high": 4.9,
            }
        ],
    )  # fmt: skip

    layer: UUID
    source: str
    cell_size_m: float | None
    n_birds: int = Field(description=f"intervals are told from {BIRDS_MIN} birds on")
    n_families: int
    n_bird_seasons: int
    bird_days: float = Field(description="in seasons whose area is measured")
    method: str
    items: list[SelectionRow]


METHOD = (
    "Jacobs 1974, Manly 2002 design III; 95 % intervals over families, of what none used the exact"
    " binomial end of as many families"
)


@router.get("/selection", responses=READING_KEPT, dependencies=PRODUCT)
async def read_selection(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    layer: Annotated[UUID, Query(description="from GET /api/v1/habitat/layers")],
) -> SelectionOut:
    """
    Read what birds of your own used, against what their areas offered, class by class.

    Areas are their owners' alone, so birds of others do not count. `species`, `season`, `study`
    and `individual` narrow it. Designations count as they hold today.
    """
    if filters.box is not None or filters.time_from is not None or filters.time_to is not None:
        raise BadInput(
            "Areas are those of whole seasons.",
            code="bbox-not-here",
            remedy="Leave bbox and datetime out; season= narrows to one season.",
        )
    async with store.read() as conn:
        chosen = await habitat.find_layer(conn, audience, layer)
        rows = await selection.against_availability(conn, audience, filters, chosen)
    return _told(chosen, rows)


def _told(layer: Layer, rows: list[dict[str, Any]]) -> SelectionOut:
    names = sorted({_name(layer, row["class_id"]) for row in rows})
    column = {name: k for k, name in enumerate(names)}
    line = {key: n for n, key in enumerate(dict.fromkeys(map(_key, rows)))}
    used, share = np.zeros((2, len(line), len(names)))
    for row in rows:
        at = line[_key(row)], column[_name(layer, row["class_id"])]
        used[at] += row["bird_days"]
        share[at] += row["share"]
    spent = used.sum(axis=1) > 0  # a season without a day tells nothing
    families = family_of(rows)
    bird = np.array([key[0] for key in line], dtype=np.int64)[spent]
    family = np.array([families[b] for b in bird.tolist()], dtype=np.int64)
    found = select(used[spent], share[spent], bird, family) if spent.any() else None
    days = used.sum(axis=0)
    return SelectionOut(
        layer=layer.ref,
        source=layer.source,
        cell_size_m=layer.cell_size_m,
        n_birds=len(set(bird.tolist())),
        n_families=len(set(family.tolist())),
        n_bird_seasons=int(spent.sum()),
        bird_days=float(days.sum()),
        method=METHOD,
        items=[]
        if found is None
        else [
            SelectionRow(
                name=name,
                bird_days=float(days[k]),
                used_share=float(found.used[k]),
                available_share=float(found.available[k]),
                **{
                    each: _known(getattr(found, each)[k])
                    for each in ("jacobs", "jacobs_low", "jacobs_high",
                                 "manly", "manly_low", "manly_high")
                },
            )
            for k, name in enumerate(names)
        ],
    )  # fmt: skip


def _key(row: dict[str, Any]) -> tuple[int, str]:
    return row["individual_id"], row["season"]


def _name(layer: Layer, class_id: int) -> str:
    if layer.kind == "protection":
        return cover(class_id, layer.classes, "today").label
    return layer.class_name(class_id)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
