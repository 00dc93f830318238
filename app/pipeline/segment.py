"""visible fixes -> stay, stopover, stop, leg, season, track_part: where a bird was and went."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from app.movement.legs import measure_leg
from app.movement.lines import draw
from app.movement.profile import Profile
from app.movement.seasons import Seasons, classify
from app.movement.stopovers import Stopovers, find_stays, merge_stays
from app.pipeline.areas import area_names
from app.pipeline.protection import grid_centre, stopover_withheld
from app.pipeline.screen import Window, shown
from app.pipeline.stops import renew_stops
from app.pipeline.trackparts import renew_track_parts
from app.store import derived
from app.store.engine import Connection
from app.store.windows import instant

METHOD = "core stops 3"
"""Name and version of the method; a change of result is a new version."""

SEEN_GAP_MAX_S = 86_400.0
"""Longest silence within a stopover that still counts as seen [s]: a night's duty cycle."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What the later stages need: the bird, its stopovers, and the span that changed."""

    window: Window
    bird: derived.Bird
    stopovers: list[derived.Row]
    from_time: datetime
    to_time: datetime


def parameters_of(profile: Profile) -> str:
    """Name the parameters of a result: a digest of the profile it was made with."""
    return f"{profile.key}:{hashlib.sha256(repr(profile).encode()).hexdigest()[:12]}"


async def segment(conn: Connection, window: Window) -> Segmented:
    """Derive stays within the window, and from all stays of the bird everything made of them."""
    bird = await derived.bird(conn, window.span.individual_id)
    track = window.fixes.track.take(window.visible)
    stays = await asyncio.to_thread(find_stays, track, window.profile)
    await derived.replace_stays(
        conn, bird, window.from_time, window.to_time, derived.stay_rows(stays)
    )
    life = await derived.load_stays(conn, bird.individual_id)
    stopovers = merge_stays(life, window.profile)
    seasons = classify(stopovers, window.profile)
    old = await derived.stopovers_of(conn, bird.individual_id)
    areas = await area_names(conn, stopovers.lon, stopovers.lat)
    new = _stopover_rows(bird, window.profile, stopovers, seasons, areas)
    await derived.replace_stopovers(conn, bird, old, new)
    await derived.replace_seasons(conn, bird, _season_rows(bird, seasons))
    await _legs(conn, window, bird, new)
    await renew_stops(conn, window, bird)
    await renew_track_parts(conn, window, bird)
    low, high = _changed(window, old, new)
    return Segmented(window, bird, new, low, high)


def _stopover_rows(
    bird: derived.Bird,
    profile: Profile,
    stopovers: Stopovers,
    seasons: Seasons,
    areas: list[str | None],
) -> list[derived.Row]:
    rows = []
    for k in range(len(stopovers)):
        season = _season_at(seasons, k)
        lon, lat = float(stopovers.lon[k]), float(stopovers.lat[k])
        row = {
            "arrival_time_earliest": instant(stopovers.arrival_earliest_us[k]),
            "arrival_time_latest": instant(stopovers.arrival_latest_us[k]),
            "departure_time_earliest": instant(stopovers.departure_earliest_us[k]),
            "departure_time_latest": instant(stopovers.departure_latest_us[k]),
            "arrival_open": bool(stopovers.arrival_open[k]),
            "departure_open": bool(stopovers.departure_open[k]),
            "n_fixes": int(stopovers.n_fixes[k]),
            "lon": lon,
            "lat": lat,
            "radius_m": float(stopovers.radius_m[k]),
            "observed_s": float(stopovers.observed_s[k]),
            "max_gap_s": float(stopovers.max_gap_s[k]),
            **derived.boundary_times(stopovers, k),
            "species_key": bird.species_key,
            "duration_min_s": float(stopovers.duration_min_s[k]),
            "duration_max_s": float(stopovers.duration_max_s[k]),
            "polygon": _polygon(stopovers.hull[k]),
            "n_stays": int(stopovers.last_stay[k] - stopovers.first_stay[k] + 1),
            "kind": seasons.kinds[k],
            "season": season,
            "seen_or_inferred": (
                "seen" if stopovers.max_gap_s[k] <= SEEN_GAP_MAX_S else "inferred"
            ),
            "area": areas[k],
            "method": METHOD,
            "parameters": parameters_of(profile),
            "release_at": instant(stopovers.departure_latest_us[k])
            + timedelta(seconds=bird.release_delay_s),
        }
        hidden = stopover_withheld(row, profile)
        row["public_lon"] = None if hidden else grid_centre(lon, bird.public_grid_deg)
        row["public_lat"] = None if hidden else grid_centre(lat, bird.public_grid_deg)
        rows.append(row)
    return rows


def _season_at(seasons: Seasons, k: int) -> str | None:
    return next((s.id for s in seasons.seasons if s.first <= k <= s.last), None)


def _polygon(hull: Any) -> bytes:
    shape = shapely.MultiPoint(hull).convex_hull
    return bytes(shapely.to_wkb(shapely.orient_polygons(shape)))


def _season_rows(bird: derived.Bird, seasons: Seasons) -> list[derived.Row]:
    return [
        {
            "season": season.id,
            "species_key": bird.species_key,
            "start_time": instant(season.start_us),
            "end_time": instant(season.end_us),
            "basis": season.basis,
            "confidence": season.confidence,
            "release_at": instant(season.end_us) + timedelta(seconds=bird.release_delay_s),
        }
        for season in seasons.seasons
    ]


async def _legs(
    conn: Connection, window: Window, bird: derived.Bird, stopovers: list[derived.Row]
) -> None:
    old = await derived.legs_of(conn, bird.individual_id)
    same = {(row["departure_time"], row["arrival_time"]): row for row in old}
    new = []
    for a, b in pairwise(stopovers):
        start, end = a["departure_time_earliest"], b["arrival_time_latest"]
        ends = {
            "from_lon": a["lon"], "from_lat": a["lat"], "to_lon": b["lon"], "to_lat": b["lat"],
            "season": passage(a, b), "species_key": bird.species_key,
            "parameters": a["parameters"], "method": METHOD,
            "release_at": end + timedelta(seconds=bird.release_delay_s),
        }  # fmt: skip
        known = same.get((start, end))
        outside = end < window.from_time or start >= window.to_time
        measured = known if known and outside else await _measure(conn, window, start, end)
        new.append({**{c: measured[c] for c in derived.LEG if c not in ends}, **ends})
    await derived.replace_legs(conn, bird, old, new)


def passage(a: derived.Row, b: derived.Row) -> str | None:
    """Return the season of the way from a to b: the migration that either end belongs to."""
    for row in (a, b):
        if row["season"] and row["season"].endswith(("spring", "autumn")):
            return str(row["season"])
    if a["kind"] == "breeding" and b["kind"] == "wintering":
        return f"{a['departure_time_earliest'].year}-autumn"
    if a["kind"] == "wintering" and b["kind"] == "breeding":
        return f"{b['arrival_time_latest'].year}-spring"
    return None


async def _measure(conn: Connection, window: Window, start: datetime, end: datetime) -> derived.Row:
    track = await shown(conn, window, start, end + timedelta(microseconds=1))
    leg = await asyncio.to_thread(measure_leg, track, 0, len(track) - 1)
    seen = [p for p in leg.parts if p.kind == "observed" and p.last > p.first]
    lines = [draw(track.lon[p.first : p.last + 1], track.lat[p.first : p.last + 1]) for p in seen]
    pieces = [piece for line in lines for piece in line.geoms]
    return {
        "departure_time": start,
        "arrival_time": end,
        "length_m": leg.length_m,
        "displacement_m": leg.displacement_m,
        "straightness": leg.straightness,
        "speed_max_m_s": 0.0 if np.isnan(leg.speed_max_m_s) else leg.speed_max_m_s,
        "observed_s": leg.observed_s,
        "unobserved_s": leg.unobserved_s,
        "n_fixes": leg.n_fixes,
        "line": bytes(shapely.to_wkb(shapely.MultiLineString(pieces))) if pieces else None,
    }


def _changed(
    window: Window, old: list[derived.Row], new: list[derived.Row]
) -> tuple[datetime, datetime]:
    """The window, widened by every stopover that came, went or changed (its kind, say)."""
    before = {tuple(sorted(_comparable(row).items())) for row in old}
    after = {tuple(sorted(_comparable(row).items())) for row in new}
    moved = [dict(row) for row in before ^ after]
    return (
        min([window.from_time, *(row["arrival_time_earliest"] for row in moved)]),
        max([window.to_time, *(row["departure_time_latest"] for row in moved)]),
    )


def _comparable(row: derived.Row) -> derived.Row:
    return {c: row[c] for c in ("arrival_time_earliest", "arrival_time_latest",
            "departure_time_earliest", "departure_time_latest", "kind", "season")}  # fmt: skip
