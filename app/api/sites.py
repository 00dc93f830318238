"""Sites: places that birds use, named or found."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import CentreOut, Shown, example
from app.api.siteranges import GroundOut, RangesOut, told_ground, told_ranges
from app.api.timezones import zone_at
from app.errors import Gone, NotFound, Problem
from app.pipeline.siteyear import season_dates, yearly_trend
from app.seeds import rows as seed_rows
from app.store import sitehistory, sites
from app.store.audience import Audience
from app.store.engine import Connection
from app.store.families import family_of

Row = dict[str, Any]

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


class VisitorOut(Shown):
    """A bird that stayed at a site."""

    id: UUID
    local_identifier: str
    species: str
    n_stopovers: int
    time_first: datetime
    time_last: datetime


class PeriodOut(Shown):
    """Use of a site in one part of the year, over all years."""

    period: int = Field(description="pentad 1..73 or month 1..12")
    n_individuals: int
    bird_days: float


class ChangeOut(Shown):
    """Another site that gave stays to this one, or took some."""

    id: UUID
    name: str
    kind: Literal["merged", "split"] = Field(
        description="merged: the earlier site is no more; split: the later one was a part of it"
    )
    shared_days: float = Field(description="bird-days that went over")
    changed_at: datetime


class DateOut(Shown):
    """The date by which a share of the birds had come or gone, as MM-DD."""

    share: float
    date: str
    low: str | None = Field(description="of a 95 % interval over families; null below 10 birds")
    high: str | None


class DatesOut(Shown):
    """When birds come or go in a season, over all years, by the days of the site's own zone."""

    season: str
    event: Literal["arrival", "departure"]
    n: int = Field(description="seasons of birds: the first arrival or the last departure of each")
    n_birds: int
    n_families: int
    quantiles: list[DateOut]


class YearOut(Shown):
    """Use in a year, beside the birds of these species that were tracked anywhere."""

    year: int
    n_birds: int
    n_tracked: int
    bird_days: float
    bird_days_per_tracked: float


class TrendOut(Shown):
    """Bird-days per tracked bird by year; the median slope between years, [days a year]."""

    years: list[YearOut]
    per_year: float | None = Field(description="null of fewer than three years")
    low: float | None = Field(description="of a 95 % interval over families; null below 10 birds")
    high: float | None


class WithinOut(Shown):
    """Share of own birds' days at the site that lie within a layer of polygons."""

    layer: UUID
    name: str
    source: str
    bird_days: float
    share: float | None


class SiteWithUse(SiteOut):
    """A place with its birds and its year, from the stays the caller may see."""

    time_zone: str = Field(description="of arrivals and departures")

    names: dict[str, str] = Field(description="by language, those that are known")
    birds: list[VisitorOut]
    birds_complete: bool
    by_pentad: list[PeriodOut]
    by_month: list[PeriodOut]
    dates: list[DatesOut]
    trend: TrendOut
    within: list[WithinOut]
    ranges: RangesOut | None = Field(description="of own birds; null without any")
    ground: list[GroundOut]
    predecessors: list[ChangeOut]
    successors: list[ChangeOut]


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
    """
    Read one site with its birds, its year, its trend, and what it was made of.

    The id of a site that was merged with others answers 410 and tells where it went.
    """
    async with store.read() as conn:
        row = await known_site(conn, audience, site)
        birds = await sites.birds(conn, audience, site, fetch=BIRDS_MAX + 1)
        by_pentad = await sites.phenology(conn, audience, site, by="pentad")
        by_month = await sites.phenology(conn, audience, site, by="month")
        stays = await sitehistory.stays(conn, audience, site)
        tracked = await sitehistory.tracked(
            conn, audience, row["species"], simulated=row["simulated"]
        )
        within = await sitehistory.within_layers(conn, audience, site)
        ranges = await sitehistory.ranges(conn, audience, site)
        ground = await sitehistory.covers(conn, audience, site)
        before, after = await sitehistory.changes(conn, audience, site)
    zone = await asyncio.to_thread(zone_at, row["lon"], row["lat"])
    dates, yearly = await asyncio.to_thread(_told, stays, tracked, zone)
    used = await asyncio.to_thread(told_ranges, ranges, family_of)
    return SiteWithUse(
        **_fields(row),
        time_zone=zone,
        names=names_of(row["key"], row["name"]),
        birds=[VisitorOut(**bird) for bird in birds[:BIRDS_MAX]],
        birds_complete=len(birds) <= BIRDS_MAX,
        by_pentad=[PeriodOut(**period) for period in by_pentad],
        by_month=[PeriodOut(**period) for period in by_month],
        dates=dates,
        trend=yearly,
        within=[WithinOut(**each) for each in within],
        ranges=used,
        ground=told_ground(ground),
        predecessors=[ChangeOut(**change) for change in before],
        successors=[ChangeOut(**change) for change in after],
    )


async def known_site(conn: Connection, audience: Audience, site: UUID) -> Row:
    """Return a site of the caller's catalogue; raises NotFound, and Gone for one that was."""
    row = await sites.find(conn, audience, site)
    if row is None:
        raise await _gone(conn, audience, site)
    return row


async def _gone(conn: Connection, audience: Audience, site: UUID) -> Problem:
    heirs = await sitehistory.successors(conn, audience, site)
    if heirs is None:
        return NotFound(
            "There is no such site for this caller.",
            remedy="Take the id from GET /api/v1/sites.",
        )
    return Gone(
        "The site was merged with others." if heirs else "The site is no more: no stay is at it.",
        remedy="Read the sites named in `successors`, or GET /api/v1/sites.",
        successors=[{"id": str(heir["id"]), "name": heir["name"]} for heir in heirs],
    )


def _told(stays: list[Row], tracked: list[Row], zone: str) -> tuple[list[DatesOut], TrendOut]:
    """Tell dates and trend; heavy for the event loop with thousands of stays."""
    families = family_of([*stays, *tracked])
    found = yearly_trend(stays, tracked, families)
    dates = [
        DatesOut(season=season, event=event, **asdict(each))
        for (season, event), each in season_dates(stays, families, ZoneInfo(zone)).items()
    ]
    return dates, TrendOut(**asdict(found))
