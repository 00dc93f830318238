"""How birds use a site: where they roost, how far they feed from there, what its ground holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
from pydantic import Field

from app.api.connectivity import known
from app.api.schemas import Shown
from app.movement.protection import cover
from app.movement.ranges import Estimate, gathered, mean_of_birds
from app.seeds import profile_of
from app.store.layers import OUTSIDE, OUTSIDE_NAME

Row = dict[str, Any]

ROOSTS_MAX = 100
"""Most roosts listed with a site, those of most nights; `roosts_complete` tells of more."""


class EstimateOut(Shown):
    """A mean over birds of the median of each, with its 95 % interval over families."""

    mean: float
    low: float | None = Field(description="null below ten birds")
    high: float | None
    n_birds: int
    n: int = Field(description="days or stays it is made of")


class RoostOut(Shown):
    """A place where nights were spent; of spoonbills, days."""

    lon: float
    lat: float
    nights: int


class RangesOut(Shown):
    """Roosts and days of own birds at a site, from the sun's elevation at each fix."""

    n_birds: int
    n_stays: int
    roosts: list[RoostOut]
    roosts_complete: bool
    day_range_m: EstimateOut | None = Field(description="greatest distance within a day")
    to_feeding_m: EstimateOut | None = Field(description="from the roost to the day's positions")
    hull_km2: EstimateOut | None = Field(description="convex hull of a stay")
    area_50_km2: EstimateOut | None = Field(description="kernel density of a stay")
    area_95_km2: EstimateOut | None


class ClassShareOut(Shown):
    """One class, or set of designations, of the ground of a site."""

    name: str
    share: float


class GroundOut(Shown):
    """What a layer holds of the ground that own birds' stays cover, by area: a mean over birds."""

    layer: UUID
    name: str
    source: str
    cell_size_m: float | None
    n_birds: int
    classes: list[ClassShareOut]


def told_ranges(
    rows: list[Row], families: Callable[[list[Row]], dict[int, int]]
) -> RangesOut | None:
    """Sum up the stays of a site; None where the caller owns none."""
    if not rows:
        return None
    family = families(rows)
    lon, lat, nights = (
        np.concatenate([np.asarray(row[name], dtype=np.float64) for row in rows])
        for name in ("roost_lon", "roost_lat", "roost_nights")
    )
    roosts = gathered(lon, lat, nights, profile_of(None).roost_radius_m)
    shown = list(zip(roosts.lon.tolist(), roosts.lat.tolist(), roosts.nights.tolist(), strict=True))
    estimates = {
        name: _estimate(rows, name, family)
        for name in ("day_range_m", "to_feeding_m", "hull_km2", "area_50_km2", "area_95_km2")
    }
    return RangesOut(
        n_birds=len(family),
        n_stays=len(rows),
        roosts=[RoostOut(lon=x, lat=y, nights=n) for x, y, n in shown[:ROOSTS_MAX]],
        roosts_complete=len(shown) <= ROOSTS_MAX,
        **estimates,
    )


def _estimate(rows: list[Row], name: str, family: dict[int, int]) -> EstimateOut | None:
    """Average what each bird's days, or its stays, tell."""
    each = [
        (value, row["individual_id"])
        for row in rows
        for value in (row[name] if isinstance(row[name], list) else [row[name]])
        if value is not None
    ]
    bird = np.array([who for _, who in each], dtype=np.int64)
    found = mean_of_birds(
        np.array([value for value, _ in each], dtype=np.float64),
        bird,
        np.array([family[who] for who in bird.tolist()], dtype=np.int64),
    )
    return None if found is None else _shown(found)


def _shown(found: Estimate) -> EstimateOut:
    return EstimateOut(
        mean=found.mean,
        low=known(found.low),
        high=known(found.high),
        n_birds=found.n_birds,
        n=found.n,
    )


def told_ground(rows: list[Row]) -> list[GroundOut]:
    """Put the shares of layers into words; designations are told as the layer holds them today."""
    out: dict[UUID, GroundOut] = {}
    for row in rows:
        layer = out.setdefault(
            row["layer"],
            GroundOut(
                layer=row["layer"], name=row["name"], source=row["source"],
                cell_size_m=row["cell_size_m"], n_birds=row["n_birds"], classes=[],
            ),
        )  # fmt: skip
        layer.classes.append(ClassShareOut(name=_name(row), share=row["share"]))
    return list(out.values())


def _name(row: Row) -> str:
    names = {int(number): name for number, name in row["classes"].items()}
    if row["kind"] == "protection":
        return cover(row["class_id"], names, "today").label
    return OUTSIDE_NAME if row["class_id"] == OUTSIDE else names[row["class_id"]]
