"""Counts of birds at a site, entered by observers, against the 1 % threshold."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.filters import SpeciesQuery, species_key
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING, documented
from app.api.schemas import Body, Shown, Text, example
from app.api.sites import known_site
from app.errors import BadInput
from app.seeds import thresholds
from app.store import counts

router = APIRouter(prefix="/api/v1/sites", tags=["sites"], route_class=StrictRoute)

N_MAX = 10_000_000
"""Most birds of one count: more than there are cranes and spoonbills."""
DATE_MIN = dt.date(1800, 1, 1)

Method = Literal["ground", "aerial", "drone", "boat", "roost", "other"]


class CountIn(Body):
    """A count: who saw how many, when and how."""

    model_config = example(
        date="2025-01-14", species="Grus vipio", n=412, method="roost", counted_by="Kim J.",
        source="simultaneous census, January 2025", open=True,
    )  # fmt: skip

    date: dt.date
    species: Text
    n: int = Field(ge=0, le=N_MAX, strict=True)
    method: Method
    source: Text = Field(description="census, report or person the figure is from")
    counted_by: Text
    note: Text | None = None
    open: bool = Field(
        default=False, description="true: everybody may read it, and not only its institute"
    )


class ThresholdOut(Shown):
    """One hundredth of a population: a site that holds as many is of international importance."""

    region: str
    one_percent: int
    population_low: int
    counts: str = Field(description="what the figure counts: individuals or mature individuals")
    year: int | None
    source: str
    note: str
    reached: bool


class CountOut(Shown):
    """A count, and the thresholds of its species that apply in the site's country."""

    model_config = example(
        id="7c2c81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", site="Cheorwon Basin", date="2025-01-14",
        species="white_naped_crane", n=412, method="roost", counted_by="Kim J.",
        source="simultaneous census, January 2025", note="", open=True,
        recorded_at="2025-02-01T00:00:00Z", recorded_by="Institute of the Amur",
        retracted_at=None, retracted_by=None,
        thresholds=[{
            "region": "whole species", "one_percent": 37, "population_low": 3700,
            "counts": "mature individuals", "year": None, "source": "BirdLife datazone",
            "note": "not an official flyway estimate", "reached": True,
        }],
    )  # fmt: skip

    id: UUID
    site: str | None
    date: dt.date
    species: str
    n: int
    method: Method
    counted_by: str
    source: str
    note: str
    open: bool
    recorded_at: dt.datetime
    recorded_by: str
    retracted_at: dt.datetime | None
    retracted_by: str | None
    thresholds: list[ThresholdOut] = Field(
        description="empty where no figure with a source is known to the service"
    )


def _shown(row: dict[str, Any], country: str | None) -> CountOut:
    told = [
        ThresholdOut(**each, reached=row["n"] >= each["one_percent"])
        for each in thresholds(row["species"], country)
    ]
    return CountOut(**row, thresholds=told)


@router.post("/{site}/counts", status_code=201, responses=WRITING | documented(410))
async def add_count(
    site: UUID, body: CountIn, store: StoreDep, audience: ManagerAudience
) -> CountOut:
    """
    Enter a count at a site; it is never changed, only taken back.

    At a named site it stands in every catalogue, of what its institute alone or everybody reads.
    """
    if not DATE_MIN <= body.date <= dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1):
        raise BadInput(
            "The date of a count lies between 1800 and today.",
            code="date-invalid",
            remedy="Give the day of the count as YYYY-MM-DD.",
        )
    count = body.model_dump() | {"species": species_key(body.species), "note": body.note or ""}
    async with store.write() as conn:
        row = await known_site(conn, audience, site)
        return _shown(await counts.add(conn, audience, row, count), row["area"])


@router.get("/{site}/counts", responses=READING | documented(410))
async def list_counts(
    site: UUID,
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    species: SpeciesQuery = None,
) -> Listing[CountOut]:
    """List counts at a site, the last entered first: own ones, and those that are open."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        row = await known_site(conn, audience, site)
        rows = await counts.page(
            conn, audience, site, species=species_key(species), limit=page.fetch, before=before
        )
    return paginate(
        page, response, rows, key=lambda count: (count["number"],),
        shape=lambda count: _shown(count, row["area"]),
    )  # fmt: skip


@router.delete("/{site}/counts/{count}", responses=WRITING | documented(410))
async def retract_count(
    site: UUID, count: UUID, store: StoreDep, audience: ManagerAudience
) -> CountOut:
    """Take a count of your own back; it stays in your list, with who took it back and when."""
    async with store.write() as conn:
        row = await known_site(conn, audience, site)
        return _shown(await counts.retract(conn, audience, count), row["area"])
