"""Sites: places that birds use, named or found."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import CentreOut, Shown, example
from app.errors import NotFound
from app.seeds import rows as seed_rows
from app.store import sites

router = APIRouter(prefix="/api/v1/sites", tags=["sites"])

BIRDS_MAX = 1_000
"""Most birds listed with a site; `birds_complete` tells when there are more."""
LANGUAGES = ("en", "zh", "ja", "ko", "mn", "ru")


class SiteOut(Shown):
    """A place of the catalogue that this caller reads."""

    model_config = example(
        id="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        name="Mongol Daguur",
        named=True,
        centre={"lon": 115.1, "lat": 49.7},
        radius_m=20000.0,
        country="MN",
        codes="Ramsar 924",
        species=["white_naped_crane"],
        n_individuals=12,
        n_stopovers=31,
        bird_days=804.5,
        time_first="2018-04-02T00:00:00Z",
        time_last="2021-10-09T00:00:00Z",
        simulated=False,
    )

    id: UUID
    name: str
    named: bool = Field(description="false: found by the tracks, not on the list of known sites")
    centre: CentreOut
    radius_m: float
    country: str | None
    codes: str | None
    species: list[str]
    n_individuals: int
    n_stopovers: int
    bird_days: float
    time_first: datetime
    time_last: datetime
    simulated: bool


class VisitorOut(BaseModel):
    """A bird that stayed at a site."""

    id: UUID
    local_identifier: str
    species: str
    n_stopovers: int
    time_first: datetime
    time_last: datetime


class PeriodOut(BaseModel):
    """Use of a site in one part of the year, over all years."""

    period: int = Field(description="pentad 1..73 or month 1..12")
    n_individuals: int
    bird_days: float


class SiteWithUse(SiteOut):
    """A place with its birds and its year, from the stays the caller may see."""

    names: dict[str, str] = Field(description="by language, those that are known")
    birds: list[VisitorOut]
    birds_complete: bool
    by_pentad: list[PeriodOut]
    by_month: list[PeriodOut]


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "centre": {"lon": row["lon"], "lat": row["lat"]}, "country": row["area"]}


def names_of(key: str, name: str) -> dict[str, str]:
    """Return the names of a site by language, as far as the seeds know them."""
    known = next((row for row in seed_rows("names") if row["key"] == key), {})
    return {"en": name} | {lang: known[lang] for lang in LANGUAGES if known.get(lang)}


@router.get("", responses=READING_KEPT, dependencies=PRODUCT)
async def list_sites(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> Listing[SiteOut]:
    """List sites by name; counts are over all times, filters choose among sites."""
    async with store.read() as conn:
        rows = await sites.page(conn, audience, filters, fetch=page.fetch, after=page.after)
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["name"], str(row["id"])),
        shape=lambda row: SiteOut(**_fields(row)),
    )


@router.get("/{site}", responses=READING_KEPT, dependencies=PRODUCT)
async def read_site(site: UUID, store: StoreDep, audience: CurrentAudience) -> SiteWithUse:
    """Read one site with its birds and its year."""
    async with store.read() as conn:
        row = await sites.find(conn, audience, site)
        if row is None:
            raise NotFound(
                "There is no such site for this caller.",
                remedy="Take the id from GET /api/v1/sites.",
            )
        birds = await sites.birds(conn, audience, site, fetch=BIRDS_MAX + 1)
        by_pentad = await sites.phenology(conn, audience, site, by="pentad")
        by_month = await sites.phenology(conn, audience, site, by="month")
    return SiteWithUse(
        **_fields(row),
        names=names_of(row["key"], row["name"]),
        birds=[VisitorOut(**bird) for bird in birds[:BIRDS_MAX]],
        birds_complete=len(birds) <= BIRDS_MAX,
        by_pentad=[PeriodOut(**period) for period in by_pentad],
        by_month=[PeriodOut(**period) for period in by_month],
    )
