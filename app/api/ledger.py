"""The ledger of a flyway: bird-days by area, season, protection and class of land."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.api.layers import not_designations
from app.api.schemas import Shown, example
from app.api.tables import WantsCsv, csv_answer
from app.errors import NotFound
from app.movement.families import BIRDS_MIN
from app.movement.protection import Basis
from app.store import habitat
from app.store import ledger as store_ledger
from app.store.audience import Audience
from app.store.engine import Connection
from app.store.layers import Layer
from app.store.ledger import DIMENSIONS, Asked, Dimension
from app.store.sight import Filters

router = APIRouter(prefix="/api/v1/flyways", tags=["flyways"])

COARSE_M = 1_000.0
"""Cells above this size [m] tell too little of a place to decide on (domain.md)."""
DEMONSTRATION = "demonstration only"
PROTECTION_MAX = 4

FLYWAY = re.compile(r"^[a-z_]{1,60}(:(spring|autumn|other))?(:simulated)?$")
FlywayId = Annotated[
    str,
    Path(
        pattern=FLYWAY.pattern,
        description="as in the list of flyways; without a season it is the whole year",
        examples=["white_naped_crane", "white_naped_crane:spring"],
    ),
]
ProtectionQuery = Annotated[
    list[UUID] | None,
    Query(
        max_length=PROTECTION_MAX,
        description="layers of protected areas, whose classes are designations; repeat it",
    ),
]


class LayerNamed(Shown):
    """A layer as results name it."""

    id: UUID
    name: str
    source: str = Field(description="origin, licence and date")
    note: str
    cell_size_m: float | None
    fitness: str | None = Field(description=f"'{DEMONSTRATION}' where cells are above 1 km")


class LedgerRow(Shown):
    """Bird-days of one area, season, protection and class; null: not asked for."""

    area: str | None
    area_kind: str | None = Field(description="land, coast (24 nautical miles), sea or disputed")
    season: str | None
    protection: str | None = Field(
        description="legal designations; none: outside them all; date unknown: only within such"
        " of which nobody said since when"
    )
    ramsar: str | None = Field(
        description="Ramsar listing, which is no legal protection; none and date unknown likewise"
    )
    class_: str | None = Field(alias="class")
    bird_days: float
    share: float = Field(description="of all bird-days of this answer")
    share_low: float | None = Field(description="95 % interval; null below ten birds")
    share_high: float | None
    birds: int
    families: int
    capture_areas: list[str]
    unobserved_days: float = Field(description="silence of these birds in this season")


class Representativeness(Shown):
    """Which birds the answer stands for."""

    birds: int
    families: int
    birds_tracked: int = Field(description="of this flyway, as far as the caller may know")
    share_of_tracked: float | None
    birds_left_out: int = Field(description="confined, relocated or reintroduced")


class LedgerOut(Shown):
    """The ledger; shares of the rows add up to 1, bird-days to the total."""

    model_config = example(
        flyway="white_naped_crane",
        by=["area", "season"],
        basis="at_time",
        boundary={
            "id": "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", "name": "Natural Earth countries",
            "source": "Natural Earth 4.1.0, May 2018", "note": "", "cell_size_m": None,
            "fitness": None,
        },
        layer=None,
        protection=[],
        interval="95 %, …",
        total_bird_days=412.5,
        unobserved_days=12.0,
        sample={
            "birds": 7, "families": 6, "birds_tracked": 8, "share_of_tracked": 0.875,
            "birds_left_out": 0,
        },
        items=[
            {
                "area": "Mongolia", "area_kind": "land", "season": "breeding",
                "protection": None, "ramsar": None, "class": None, "bird_days": 412.5,
                "share": 1.0, "share_low": None, "share_high": None, "birds": 7, "families": 6,
                "capture_areas": ["Mongolia"], "unobserved_days": 12.0,
            }
        ],
    )  # fmt: skip

    flyway: str
    by: list[Dimension]
    basis: Basis
    boundary: LayerNamed | None
    layer: LayerNamed | None
    protection: list[LayerNamed]
    interval: str
    total_bird_days: float
    unobserved_days: float
    sample: Representativeness
    items: list[LedgerRow]


INTERVAL = (
    "95 %, jackknife over families (animal-siblings, else the bird) on the scale of log odds with"
    f" Student's t of the families in effect, none below {BIRDS_MIN} birds; of a share of 1 the low"
    " end is the exact binomial one of the families in effect"
)
COLUMNS = (
    "flyway", *(name for name in LedgerRow.model_fields if name != "class_"), "class", "basis",
    "boundary_set", "layer", "cell_size_m", "fitness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flyway:
    """A flyway's id, read: no season is the whole year."""

    species: str
    season: str | None
    simulated: bool


def flyway_of(text: str) -> Flyway:
    """Read the id of a flyway, `species[:season][:simulated]`."""
    species, *more = text.split(":")
    season = next((word for word in more if word != "simulated"), None)
    return Flyway(species, season, "simulated" in more)


def named(layer: Layer) -> LayerNamed:
    """Name a layer as every result does."""
    coarse = layer.cell_size_m is not None and layer.cell_size_m > COARSE_M
    return LayerNamed(
        id=layer.ref,
        name=layer.name,
        source=layer.source,
        note=layer.note,
        cell_size_m=layer.cell_size_m,
        fitness=DEMONSTRATION if coarse else None,
    )


async def boundary_set(conn: Connection, audience: Audience) -> Layer | None:
    """Return the boundary set of the service, if one is loaded."""
    try:
        return await habitat.find_layer(conn, audience, None)
    except NotFound:
        return None


async def read_asked(
    conn: Connection,
    audience: Audience,
    flyway: Flyway,
    by: list[Dimension],
    *,
    layer: UUID | None,
    protection: list[UUID],
    basis: Basis = "at_time",
) -> Asked:
    """Look up the layers that a ledger is asked by."""
    return Asked(
        **asdict(flyway),
        by=tuple(each for each in DIMENSIONS if each in by),
        boundary=await boundary_set(conn, audience),
        layer=None if layer is None else await habitat.find_layer(conn, audience, layer),
        protection=await designated(conn, audience, protection),
        basis=basis,
    )


async def designated(
    conn: Connection, audience: Audience, refs: Sequence[UUID]
) -> tuple[Layer, ...]:
    """Look up layers of designated areas, each once."""
    found = [await habitat.find_layer(conn, audience, ref) for ref in dict.fromkeys(refs)]
    if any(layer.kind != "protection" for layer in found):
        raise not_designations()
    return tuple(found)


@router.get(
    "/{flyway}/ledger",
    response_model=LedgerOut,
    dependencies=PRODUCT,
    responses={**READING_KEPT, 200: {"content": {"text/csv": {"example": ",".join(COLUMNS)}}}},
)
async def read_ledger(
    flyway: FlywayId,
    store: StoreDep,
    audience: CurrentAudience,
    wants_csv: WantsCsv,
    layer: Annotated[UUID | None, Query(description="layer whose classes are rows")] = None,
    protection: ProtectionQuery = None,
    datetime: DatetimeQuery = None,
    basis: Annotated[
        Basis, Query(description="of protection: what held at the time, or all that holds today")
    ] = "at_time",
    by: Annotated[
        list[Dimension] | None, Query(description="fewer rows: repeat it; else all four")
    ] = None,
) -> Response | LedgerOut:
    """
    Read bird-days by area, season, protection and class, with intervals and the sample.

    Whole UTC days count. Real birds of opened studies of others enter by whole months within
    `datetime`, each when all of it is released, and only where at least three of a study share
    season, area, protection and class; every sum is over what is shown.
    """
    one = flyway_of(flyway)
    async with store.read() as conn:
        asked = await read_asked(
            conn, audience, one, by or list(DIMENSIONS), layer=layer,
            protection=protection or [], basis=basis,
        )  # fmt: skip
        found = await make(conn, audience, asked, interval_of(datetime))
    out = shaped(flyway, asked, found)
    if not wants_csv:
        return out
    about = {
        "flyway": flyway, "basis": basis,
        "boundary_set": f"{out.boundary.name}; {out.boundary.source}" if out.boundary else None,
        "layer": f"{out.layer.name}; {out.layer.source}" if out.layer else None,
        "cell_size_m": out.layer.cell_size_m if out.layer else None,
        "fitness": out.layer.fitness if out.layer else None,
    }  # fmt: skip
    rows = [{**row.model_dump(by_alias=True), **about} for row in out.items]
    return csv_answer(rows, COLUMNS, f"ledger-{flyway.replace(':', '-')}")


async def make(
    conn: Connection,
    audience: Audience,
    asked: Asked,
    days: tuple[datetime | None, datetime | None],
) -> store_ledger.Ledger:
    """Make the ledger; a flyway without a bird that the caller knows of is unknown."""
    filters = Filters(time_from=days[0], time_to=days[1])
    found = await store_ledger.ledger(conn, audience, filters, asked)
    if not found.birds_tracked:
        raise NotFound(
            "There is no such flyway for this caller.",
            remedy="Take the id from GET /api/v1/flyways.",
        )
    return found


def shaped(flyway: str, asked: Asked, found: store_ledger.Ledger) -> LedgerOut:
    """Put the ledger into the words of the contract."""
    tracked = found.birds_tracked
    return LedgerOut(
        flyway=flyway,
        by=list(asked.by),
        basis=asked.basis,
        boundary=named(asked.boundary) if asked.boundary else None,
        layer=named(asked.layer) if asked.layer else None,
        protection=[named(each) for each in asked.protection],
        interval=INTERVAL,
        total_bird_days=found.bird_days,
        unobserved_days=found.unobserved_days,
        sample=Representativeness(
            birds=found.birds,
            families=found.families,
            birds_tracked=tracked,
            share_of_tracked=found.birds / tracked if tracked else None,
            birds_left_out=found.birds_left_out,
        ),
        items=[LedgerRow(**row) for row in found.rows],
    )
