"""Plots of a bird or a study as SVG: the same panels as `flyways plot` writes."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from fastapi import APIRouter, Response

from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.problems import READING
from app.store import fixes, reference, seasons, stopovers, studies, utilisation
from app.store.audience import Audience
from app.store.engine import Connection, Store
from app.store.sight import Filters
from app.store.windows import load_fixes

router = APIRouter(prefix="/api/v1", tags=["plots"])

SVG = "image/svg+xml"
FIXES_MAX = 200_000
"""Most fixes of one bird on a plot: 20 years by the hour; a line holds fewer points anyway."""
ROWS_MAX = 5_000
SEASONS_MAX = 20
"""Most seasons of one bird whose areas are outlined: the latest."""
BIRDS_MAX = 40
"""Most birds on the plot of a study: more can't be told apart on one page."""
_ANSWERS: Any = {**READING, 200: {"content": {SVG: {}}, "description": "The plot"}}


@router.get("/individuals/{individual}/plot.svg", response_class=Response, responses=_ANSWERS)
async def plot_individual(individual: UUID, store: StoreDep, audience: CurrentAudience) -> Response:
    """
    Draw one bird: map, latitude, net squared displacement, calendar of stopovers, areas used.

    Birds of opened studies of others are drawn from their released positions and days, without
    areas.
    """
    return _answer(await individual_svg(store, audience, individual))


@router.get("/studies/{study}/plot.svg", response_class=Response, responses=_ANSWERS)
async def plot_study(study: UUID, store: StoreDep, audience: CurrentAudience) -> Response:
    """Draw the birds of a study on the same panels, the first 40 of them."""
    return _answer(await study_svg(store, audience, study))


def _answer(svg: bytes) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "private, no-cache"}
    return Response(svg, media_type=SVG, headers=headers)


async def individual_svg(store: Store, audience: Audience, ref: UUID) -> bytes:
    """Return the plot of one bird as these readers may see it; drawn with no connection held."""
    plots = await asyncio.to_thread(drawing)
    async with store.read() as conn:
        bird = await reference.individual(conn, audience, ref)
        shown = await bird_of(conn, audience, bird, plots)
    title = f"{bird['local_identifier']} - {bird['taxon'] or bird['species_key']}"
    return await _drawn(title, [shown])


async def study_svg(store: Store, audience: Audience, ref: UUID) -> bytes:
    """Return the plot of a study as these readers may see it; drawn with no connection held."""
    plots = await asyncio.to_thread(drawing)
    async with store.read() as conn:
        study = await studies.one(conn, audience, ref)
        rows = await reference.individuals(conn, audience, limit=BIRDS_MAX + 1, study=ref)
        shown = [await bird_of(conn, audience, row, plots) for row in rows[:BIRDS_MAX]]
    more = f" - the first {BIRDS_MAX} birds" if len(rows) > BIRDS_MAX else ""
    return await _drawn(f"{study['name']}{more}", shown)


async def _drawn(title: str, birds: list[Any]) -> bytes:
    plots = drawing()
    n = sum(bird.time_s.size for bird in birds)
    note = f"{n:,} visible fixes, times in UTC; lines break where a bird was silent over 7 days"
    return bytes(await asyncio.to_thread(plots.draw, title, note, birds))


def drawing() -> Any:
    """Load the drawing with the first plot: the web process starts without matplotlib."""
    return import_module("app.plots")


async def bird_of(conn: Connection, audience: Audience, bird: dict[str, Any], plots: Any) -> Any:
    """Gather what is drawn of one bird: its own fixes with errors, or its released positions."""
    if audience.kind == "operator" or bird["study_id"] in audience.exact:
        found = await load_fixes(conn, audience, bird["id"])
        track = found.track.take(found.visible)
        at = (track.time_us / 1e6, track.lon, track.lat, track.error_m)
    else:
        rows = await fixes.drawn(conn, audience, bird["id"], Filters(), fetch=FIXES_MAX)
        table = np.array([(t.timestamp(), x, y) for t, x, y in rows]).reshape(-1, 3)
        at = (*table.T, np.full(len(rows), np.nan))
    asked = Filters(individual=bird["ref"])
    stays = await stopovers.page(conn, audience, asked, fetch=ROWS_MAX)
    year = await seasons.page(conn, audience, asked, fetch=ROWS_MAX)
    areas = await utilisation.outlines(conn, audience, bird["id"], seasons_max=SEASONS_MAX)
    return plots.Bird(
        bird["local_identifier"],
        *(np.asarray(v[-FIXES_MAX:], dtype=np.float64) for v in at),
        stays=tuple(_stay(plots, row) for row in stays),
        seasons=tuple(
            (row["season"].split("-", 1)[1], row["start_time"], row["end_time"]) for row in year
        ),
        areas=tuple(
            plots.Area(
                row["season"], row["level"], row["method"], row["area_km2"],
                shapely.from_wkb(bytes(row["geom"])),
            )
            for row in areas
        ),
    )  # fmt: skip


def _stay(plots: Any, row: dict[str, Any]) -> Any:
    arrival = row["arrival_time"] or row["arrival_time_latest"]
    departure = row["departure_time"] or row["departure_time_earliest"]
    return plots.Stay(
        arrival=arrival,
        departure=departure,
        early=row["arrival_time_p05"] or arrival,
        late=row["departure_time_p95"] or departure,
        lon=row["lon"],
        lat=row["lat"],
        kind=row["kind"],
        site=row["site"],
    )
