"""The migrations report: of each bird, season and year the numbers that papers print."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import SpeciesQuery, species_key
from app.api.ledger import LayerNamed, ProtectionQuery, boundary_set, designated, named
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import BirdOut, Shown, example
from app.api.tables import WantsCsv, csv_answer
from app.store import habitat, migrations
from app.store.audience import Audience
from app.store.engine import Connection
from app.store.layers import Layer
from app.store.migrations import Wanted

router = APIRouter(prefix="/api/v1/reports/migrations", tags=["reports"])


class MigrationOut(Shown):
    """One migration; of opened studies of others by UTC day, rounded, null what would tell more."""

    model_config = example(
        individual={
            "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11",
            "local_identifier": "WNC-17",
        },
        life_stage="adult",
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", simulated=False, exact=True,
        species="white_naped_crane", season="2020-spring", basis="track", confidence=0.9,
        departure_time="2020-02-20T05:00:00Z", arrival_time="2020-04-08T09:00:00Z",
        duration_days=48.2, stop_days=42.0, travel_days=6.2, unobserved_days=0.0, stops=4,
        stopovers=3, stopover_min_h=48.0, staging_sites=1, route_km=2673.0, unobserved_km=0.0,
        displacement_km=2210.0, straightness=0.83, travel_speed_m_s=5.0,
        countries=["Japan", "South Korea", "North Korea", "China", "Mongolia"],
        land_cover={"croplands": 0.61, "grasslands": 0.39}, share_protected=None,
    )  # fmt: skip

    individual: BirdOut
    life_stage: str | None = Field(
        description="animal-life-stage of the deployment in force at departure, as it was when the"
        " bird was caught for it"
    )
    study: UUID
    simulated: bool
    exact: bool = Field(description="false: read through the public view of another's study")
    species: str
    season: str
    basis: str
    confidence: float
    departure_time: datetime = Field(description="last fix at the residence left, UTC")
    arrival_time: datetime = Field(description="first fix at the residence reached, UTC")
    duration_days: float
    stop_days: float | None
    travel_days: float | None
    unobserved_days: float | None = Field(
        description="in silences over 7 days; stops, travel and these make up the duration"
    )
    stops: int = Field(description="all stopovers")
    stopovers: int = Field(description="those of stopover_min_h and longer: headline count")
    stopover_min_h: float
    staging_sites: int = Field(description="stopovers of the species' staging length")
    route_km: float | None
    unobserved_km: float | None = Field(description="part of it: great circles over silences")
    displacement_km: float | None
    straightness: float | None = Field(description="displacement by route, 0 to 1")
    travel_speed_m_s: float | None = Field(description="observed way by observed travel time")
    countries: list[str] = Field(
        description="in the order in which the bird came to them; of two that were only crossed, on"
        " one day, by name"
    )
    land_cover: dict[str, float] | None = Field(description="shares of the observed time")
    share_protected: float | None = Field(description="within legal designations, Ramsar not")


class MigrationsOut(Listing[MigrationOut]):
    """A page of migrations, and the layers they are told by."""

    model_config = example(items=[], next=None, boundary=None, layer=None, protection=[])

    boundary: LayerNamed | None
    layer: LayerNamed | None
    protection: list[LayerNamed]


COLUMNS = (
    "individual", "life_stage", "species", "season", "departure_time", "arrival_time",
    *(name for name in MigrationOut.model_fields if name not in {
        "individual", "life_stage", "species", "season", "departure_time", "arrival_time", "study",
        "simulated", "exact"}),
    "layer", "cell_size_m", "fitness", "boundary_set", "individual_id", "study", "simulated",
    "exact",
)  # fmt: skip


async def told_by(
    conn: Connection, audience: Audience, layer: UUID | None, protection: list[UUID]
) -> dict[str, Any]:
    """Look up the layers; without one named, land cover is the service's own, if it has one."""
    found: Layer | None
    if layer is None:
        found = await habitat.land_cover(conn, audience)
    else:
        found = await habitat.find_layer(conn, audience, layer)
    return {
        "boundary": await boundary_set(conn, audience),
        "layer": found,
        "protection": await designated(conn, audience, protection),
    }


def _shown(row: dict[str, Any]) -> MigrationOut:
    bird = {"id": row["individual_id"], "local_identifier": row["individual"]}
    return MigrationOut(**{**row, "individual": bird})


@router.get(
    "",
    response_model=MigrationsOut,
    dependencies=PRODUCT,
    responses={**READING_KEPT, 200: {"content": {"text/csv": {"example": ",".join(COLUMNS)}}}},
)
async def report_migrations(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    wants_csv: WantsCsv,
    *,
    species: SpeciesQuery = None,
    season: Annotated[Literal["spring", "autumn"] | None, Query()] = None,
    year: Annotated[int | None, Query(ge=1970, le=2099)] = None,
    individual: UUID | None = None,
    study: UUID | None = None,
    layer: Annotated[UUID | None, Query(description="land cover; else the service's")] = None,
    protection: ProtectionQuery = None,
) -> Response | MigrationsOut:
    """List migrations by departure, from residence to residence, as JSON or CSV."""
    async with store.read() as conn:
        told = await told_by(conn, audience, layer, protection or [])
        wanted = Wanted(
            species=species_key(species), season=season, year=year, individual=individual,
            study=study, **told,
        )  # fmt: skip
        rows = await migrations.page(conn, audience, wanted, fetch=page.fetch, after=page.after)
    found = paginate(
        page,
        response,
        rows,
        key=lambda row: (row["departure_time"], str(row["individual_id"]), row["season"]),
        shape=_shown,
    )
    about = {
        "boundary": named(told["boundary"]) if told["boundary"] else None,
        "layer": named(told["layer"]) if told["layer"] else None,
        "protection": [named(each) for each in told["protection"]],
    }
    out = MigrationsOut(items=found.items, next=found.next, **about)
    return _csv(out) if wants_csv else out


def _csv(out: MigrationsOut) -> Response:
    about = {
        "layer": f"{out.layer.name}; {out.layer.source}" if out.layer else None,
        "cell_size_m": out.layer.cell_size_m if out.layer else None,
        "fitness": out.layer.fitness if out.layer else None,
        "boundary_set": f"{out.boundary.name}; {out.boundary.source}" if out.boundary else None,
    }
    rows = [
        {
            **item.model_dump(),
            **about,
            "individual": item.individual.local_identifier,
            "individual_id": str(item.individual.id),
            "study": str(item.study),
            "land_cover": [f"{name} {share:.4f}" for name, share in item.land_cover.items()]
            if item.land_cover
            else None,
        }
        for item in out.items
    ]
    return csv_answer(rows, COLUMNS, "migrations", link=out.next)
