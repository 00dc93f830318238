"""Routes compared: between spring and autumn, and between years."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.connectivity import known
from app.api.deps import StoreDep
from app.api.schemas import CentreOut, Shown, example
from app.errors import NotFound
from app.movement.families import BIRDS_MIN, CONFIDENCE, DRAWS
from app.movement.journeys import Journey, shifts
from app.pipeline.flywaylines import Cells, flights, journeys
from app.store import connectivity, flown
from app.store.families import family_of

Row = dict[str, Any]

router = APIRouter(prefix="/api/v1/flyways", tags=["flyways"])

OTHER = {"spring": "autumn", "autumn": "spring"}
INTERVAL = (
    f"{CONFIDENCE:.0%}, percentiles of {DRAWS:,} draws of families (animal-siblings, else the"
    f" bird), none where either side has fewer than {BIRDS_MIN} birds"
)
FlywayId = Annotated[
    str,
    Path(
        pattern=r"^[a-z_]{1,60}:(spring|autumn)(:simulated)?$",
        examples=["white_naped_crane:spring"],
    ),
]


class SideOut(Shown):
    """One side of a comparison."""

    season: str = Field(description="spring or autumn, or the one of a year")
    n_birds: int = Field(description="with a flight seen: what the corridor is made of")
    n_journeys: int = Field(description="whole migrations: what the mean route is made of")


class OverlapOut(Shown):
    """How alike the corridors are, 1 for the same."""

    affinity: float = Field(description="Bhattacharyya's; doi:10.2193/0022-541X(2005)69[1346:QHRO]")
    affinity_low: float | None
    affinity_high: float | None
    shared_95: float = Field(description="area in both 95 % corridors / area in either")
    bandwidth_m: float = Field(description="of the kernel of both")


class PassageOut(Shown):
    """Where and when the mean birds of both sides are at one fraction of the way."""

    fraction: float = Field(description="of the way of a")
    a: CentreOut
    b: CentreOut
    distance_m: float
    lateral_m: float = Field(description="b lies so far to the right of the way of a")
    lateral_low_m: float | None
    lateral_high_m: float | None
    shift_days: float | None = Field(description="b passes so much later in the year")
    shift_low_days: float | None
    shift_high_days: float | None


class ComparedOut(Shown):
    """Two routes beside each other."""

    a: SideOut
    b: SideOut
    overlap: OverlapOut
    passages: list[PassageOut] = Field(description="empty where a side has no whole migration")


class ComparisonOut(Shown):
    """Routes of a flyway compared; no item where a side can't be told."""

    model_config = example(
        flyway="white_naped_crane:spring", by="year", interval=INTERVAL,
        items=[
            {
                "a": {"season": "2019-spring", "n_birds": 12, "n_journeys": 11},
                "b": {"season": "2020-spring", "n_birds": 14, "n_journeys": 13},
                "overlap": {
                    "affinity": 0.91, "affinity_low": 0.8, "affinity_high": 0.94,
                    "shared_95": 0.71, "bandwidth_m": 30_000.0,
                },
                "passages": [
                    {
                        "fraction": 0.5, "a": {"lon": 126.7, "lat": 38.1},
                        "b": {"lon": 126.2, "lat": 38.2}, "distance_m": 45_100.0,
                        "lateral_m": -44_000.0, "lateral_low_m": -61_000.0,
                        "lateral_high_m": -20_000.0, "shift_days": 2.5, "shift_low_days": 0.5,
                        "shift_high_days": 4.0,
                    }
                ],
            }
        ],
    )  # fmt: skip

    flyway: str
    by: Literal["season", "year"]
    interval: str
    items: list[ComparedOut]


@router.get("/{flyway}/comparison", responses=READING_KEPT, dependencies=PRODUCT)
async def read_comparison(
    flyway: FlywayId,
    store: StoreDep,
    audience: CurrentAudience,
    by: Annotated[
        Literal["season", "year"],
        Query(description="spring beside autumn, or each year beside the one before it"),
    ] = "year",
) -> ComparisonOut:
    """
    Compare routes between seasons or years: overlap of corridors, lateral shift, shift of dates.

    The mean routes of whole migrations are compared at equal fractions of their lengths, along
    which the other season is turned round. Birds of opened studies of others count on a side
    only where there are at least three of them.
    """
    species, season, *word = flyway.split(":")
    simulated = bool(word)
    async with store.read() as conn:
        rows = {
            part: await flown.legs(
                conn, audience, species=species, season=part, simulated=simulated
            )
            for part in ([season] if by == "year" else [season, OTHER[season]])
        }
    if not rows[season]:
        raise NotFound(
            "There is no such flyway for this caller.",
            remedy="Take the id from GET /api/v1/flyways.",
        )
    sides = _years(rows[season]) if by == "year" else list(rows.items())
    told = [(name, connectivity.tellable(legs, simulated=simulated)) for name, legs in sides]
    items = await asyncio.to_thread(_compared, told, back=by == "season")
    return ComparisonOut(flyway=flyway, by=by, interval=INTERVAL, items=items)


def _years(legs: list[Row]) -> list[tuple[str, list[Row]]]:
    by_season: dict[str, list[Row]] = defaultdict(list)
    for leg in legs:
        by_season[leg["season"]].append(leg)
    return sorted(by_season.items())


def _compared(sides: list[tuple[str, list[Row]]], *, back: bool) -> list[ComparedOut]:
    """Compare each side with the next; one without a flight that was seen is passed over."""
    family = family_of([leg for _, legs in sides for leg in legs])
    told = [(name, flights(legs), journeys(legs)) for name, legs in sides]
    told = [side for side in told if side[1]]
    return [_beside(a, b, family, back=back) for a, b in pairwise(told)]


_Side = tuple[str, list[tuple[int, Cells]], list[Journey]]


def _beside(a: _Side, b: _Side, family: dict[int, int], *, back: bool) -> ComparedOut:
    # Compiled code: a web process that is never asked for a comparison goes without.
    from app.movement.overlap import overlap  # noqa: PLC0415 - see above

    common = overlap(a[1], b[1], family)
    sides = [
        SideOut(season=name, n_birds=len(cells), n_journeys=len(whole))
        for name, cells, whole in (a, b)
    ]
    return ComparedOut(
        a=sides[0],
        b=sides[1],
        overlap=OverlapOut(
            affinity=common.affinity, affinity_low=known(common.low),
            affinity_high=known(common.high), shared_95=common.shared_95,
            bandwidth_m=common.bandwidth_m,
        ),
        passages=_passages(a[2], b[2], family, back=back) if a[2] and b[2] else [],
    )  # fmt: skip


def _passages(
    a: list[Journey], b: list[Journey], family: dict[int, int], *, back: bool
) -> list[PassageOut]:
    return [
        PassageOut(
            fraction=each.fraction,
            a=CentreOut(lon=each.a[0], lat=each.a[1]),
            b=CentreOut(lon=each.b[0], lat=each.b[1]),
            distance_m=each.distance_m,
            lateral_m=each.lateral_m,
            lateral_low_m=known(each.lateral_low_m),
            lateral_high_m=known(each.lateral_high_m),
            shift_days=known(each.days),
            shift_low_days=known(each.days_low),
            shift_high_days=known(each.days_high),
        )
        for each in shifts(a, b, family, back=back)
    ]
