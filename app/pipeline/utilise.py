"""fix, smoothed_fix, season, stopover -> utilisation, season_use, …: areas used, at leisure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import numpy as np
import orjson
import shapely

from app.movement.methods import LEVELS, METHODS, VERSION
from app.movement.track import Track
from app.movement.utilisation import Utilisation, utilise
from app.pipeline.seasonuse import season_uses
from app.pipeline.smooth import overlaid
from app.pipeline.stayranges import measure_stays
from app.store import derived, measuring
from app.store.audience import PIPELINE
from app.store.engine import Connection
from app.store.measuring import Due, Row, Stretch
from app.store.stayuse import StayUse
from app.store.windows import ARGOS, FAR_FUTURE, FAR_PAST, instant, load_fixes

WHOLE = "all"
"""Stands for the season of a bird that has none: a resident, or one not yet seen long enough."""

WHOLE_MIN = timedelta(days=30)
"""Shortest life that is measured as a whole; our choice."""

DECIMALS = 6
"""Decimals of a degree in outlines: 0.1 m, far below the cell of any grid."""

DIGITS = 9
"""Digits of figures that are kept: the same from any machine's arithmetic."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seasons that stand as they are; areas and hours by cell of the others; the stays."""

    kept: list[str]
    areas: list[Row]
    uses: list[Row]
    stays: StayUse


async def measure(conn: Connection, individual_id: int, due: Due) -> Measured:
    """
    Measure every season that is new, has moved, or holds a change.

    A season hangs on its own fixes and ends alone, so what stands equals what would be measured
    again.
    """
    stretches = await measuring.seasons(conn, individual_id)
    if not stretches:
        stretches = await _whole(conn, individual_id)
    done = await measuring.measured(conn, individual_id, VERSION)
    kept = [
        s for s in stretches
        if s in done and (s.end_time < due.from_time or s.start_time > due.to_time)
    ]  # fmt: skip
    bird = await derived.bird(conn, individual_id)
    stays = await measure_stays(
        conn, bird, due, lambda low, high: _shown(conn, individual_id, Stretch(WHOLE, low, high))
    )
    made = Measured([s.season for s in kept], [], [], stays)
    for stretch in stretches:
        if stretch not in kept:
            track = await _shown(conn, individual_id, stretch)
            found = await asyncio.to_thread(_measured, track)
            made.areas.extend(
                chain.from_iterable(_rows(stretch, bird.species_key, each) for each in found)
            )
            made.uses.extend(await season_uses(conn, bird, stretch, track))
    return made


async def _shown(conn: Connection, individual_id: int, stretch: Stretch) -> Track:
    """Return where the bird was in a stretch, by all its fixes where they are of Argos."""
    fixes = await load_fixes(
        conn, PIPELINE, individual_id, stretch.start_time, stretch.end_time + _MOMENT
    )
    track = fixes.track.take(fixes.visible)
    heard = bool((fixes.sensor == ARGOS).any())
    return await overlaid(conn, individual_id, track) if heard else track


async def _whole(conn: Connection, individual_id: int) -> list[Stretch]:
    """Return the life of a bird as one stretch, if it is long enough."""
    track = await _shown(conn, individual_id, Stretch(WHOLE, FAR_PAST, FAR_FUTURE))
    if not len(track):
        return []
    first, last = instant(track.time_us[0]), instant(track.time_us[-1])
    return [Stretch(WHOLE, first, last)] if last - first >= WHOLE_MIN else []


def _measured(track: Track) -> list[Utilisation]:
    found = (utilise(track, method, LEVELS) for method in METHODS)
    return [each for each in found if each is not None]


def _rows(stretch: Stretch, species_key: str, found: Utilisation) -> list[Row]:
    parameters = {
        name: _rounded(value) if isinstance(value, float) else value
        for name, value in found.parameters.items()
    }
    return [
        {
            "season": stretch.season,
            "start_time": stretch.start_time,
            "end_time": stretch.end_time,
            "method": found.method,
            "level": isopleth.level,
            "species_key": species_key,
            "area_km2": _rounded(isopleth.area_km2),
            "area_low_km2": _rounded(isopleth.area_low_km2),
            "area_high_km2": _rounded(isopleth.area_high_km2),
            "n_fixes": found.n_fixes,
            "n_effective": _rounded(found.n_effective),
            "unobserved_s": _rounded(found.unobserved_s),
            "version": VERSION,
            "parameters": orjson.dumps(parameters).decode(),
            "geom": _outline(isopleth.geometry),
        }
        for isopleth in found.isopleths
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(np.format_float_scientific(value, DIGITS - 1))


def _outline(shape: shapely.MultiPolygon) -> bytes:
    """Return an outline in few decimals as WKB, still valid and turned as RFC 7946 wants."""
    snapped = shapely.set_precision(shape, 10.0**-DECIMALS)
    parts = [g for g in shapely.get_parts(snapped) if g.geom_type == "Polygon"]
    turned = shapely.MultiPolygon([shapely.orient_polygons(part) for part in parts])
    return bytes(shapely.to_wkb(turned))
