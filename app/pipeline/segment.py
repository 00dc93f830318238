"""visible fixes, smoothed_fix -> stay, stopover, leg …: where a bird was and went."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
from app.movement.track import SECOND_US, FloatArray
from app.pipeline import observed
from app.pipeline.areas import area_names
from app.pipeline.aside import aside
from app.pipeline.protection import at_nest, grid_centre, may_breed, nest_cells
from app.pipeline.screen import Window
from app.pipeline.smooth import Placed, placed
from app.pipeline.stops import renew_stops
from app.pipeline.trackparts import renew_track_parts
from app.store import derived, observations
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, micros

METHOD = "core stops 5"
"""Name and version of the method; a change of result is a new version."""

SEEN_GAP_MAX_S = 86_400.0
"""Longest silence within a stopover that still counts as seen [s]: a night's duty cycle."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """
    What the later stages need: the bird, its stopovers, and the span that changed.

    Before `from_time` and after `to_time` the bird is where it was, and so is what it did there.
    `guarded` are the stopovers that are withheld by what the track tells, whatever was corrected.
    """

    window: Window
    own: Placed
    bird: derived.Bird
    stopovers: list[derived.Row]
    guarded: list[derived.Row]
    from_time: datetime
    to_time: datetime


TICK = timedelta(microseconds=1)


def parameters_of(profile: Profile) -> str:
    """Name the parameters of a result: a digest of the profile it was made with."""
    return f"{profile.key}:{hashlib.sha256(repr(profile).encode()).hexdigest()[:12]}"


async def segment(conn: Connection, window: Window, own: Placed) -> Segmented:
    """Derive stays within the window, and from all stays of the bird everything made of them."""
    bird = window.bird
    stays = await aside(len(own.track), find_stays, own.track, window.profile)
    life = await derived.replace_stays(conn, bird, own.from_time, own.to_time, stays)
    stopovers = merge_stays(life, window.profile)
    seasons = classify(stopovers, window.profile)
    old = await derived.stopovers_of(conn, bird.individual_id)
    areas = await area_names(conn, stopovers.lon, stopovers.lat)
    computed = _stopover_rows(bird, window.profile, stopovers, seasons, areas)
    guarded = [row for row in computed if may_breed(row, window.profile)]
    said = await observations.in_force(conn, bird.individual_id)
    new, told = _observed(computed, _season_rows(bird, seasons), said)
    nests = nest_cells([*guarded, *new], window.profile)
    for row in new:
        _publishable(row, bird, nests)
    for row in told:
        row["release_at"] = row["end_time"] + timedelta(seconds=bird.release_delay_s)
    await derived.replace_stopovers(conn, bird, old, new)
    await derived.replace_seasons(conn, bird, told)
    await _legs(conn, window, own, bird, new)
    low, high = await _changed(conn, window, own, old, new)
    # What lies at a breeding place is withheld whenever the bird was there. A correction may cover
    # one: it is guarded all the same, and is not among the stopovers.
    if said or nests != nest_cells(old, window.profile):
        low, high = FAR_PAST, FAR_FUTURE
    return Segmented(window, own, bird, new, guarded, low, high)


async def trace(conn: Connection, found: Segmented) -> None:
    """Derive what hangs on the shown track alone: stops, and the drawn track."""
    await renew_stops(conn, found.window, found.bird)
    await renew_track_parts(conn, found.window, found.own, found.bird)


def _observed(
    stopovers: list[derived.Row], seasons: list[derived.Row], said: list[derived.Row]
) -> tuple[list[derived.Row], list[derived.Row]]:
    """Return stopovers and seasons with what observers corrected."""
    if not said:
        return stopovers, seasons
    of_seasons = observed.of(said, "season")
    told = observed.observe(seasons, of_seasons, observed.SEASON, observed.season_as)
    told = observed.named_once(told)
    of_stays = observed.of(said, "stopover")
    stays = observed.observe(stopovers, of_stays, observed.STOPOVER, observed.stopover_as)
    return observed.labelled(stays, seasons, told) if of_seasons else stays, told


def _publishable(row: derived.Row, bird: derived.Bird, nests: frozenset[int]) -> None:
    """
    Complete a stopover with what follows from its times, and with what the public may know of it.

    What was withheld of the track stays so whatever is corrected: an error must reveal no nest.
    """
    arrival, departure = row["arrival_time_latest"], row["departure_time_earliest"]
    widest = row["departure_time_latest"] - row["arrival_time_earliest"]
    row["duration_min_s"] = (departure - arrival).total_seconds()
    row["duration_max_s"] = widest.total_seconds()
    row["release_at"] = row["departure_time_latest"] + timedelta(seconds=bird.release_delay_s)
    hidden = bool(at_nest(row["lon"], row["lat"], nests))
    for name in ("lon", "lat"):
        centre = grid_centre(row[name], bird.public_grid_deg)
        row[f"public_{name}"] = None if hidden else centre


def _stopover_rows(
    bird: derived.Bird,
    profile: Profile,
    stopovers: Stopovers,
    seasons: Seasons,
    areas: list[str | None],
) -> list[derived.Row]:
    rows = []
    polygons, parameters = _polygons(stopovers.hull), parameters_of(profile)
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
            "polygon": polygons[k],
            "n_stays": int(stopovers.last_stay[k] - stopovers.first_stay[k] + 1),
            "kind": seasons.kinds[k],
            "season": season,
            "seen_or_inferred": (
                "seen" if stopovers.max_gap_s[k] <= SEEN_GAP_MAX_S else "inferred"
            ),
            "area": areas[k],
            "method": METHOD,
            "parameters": parameters,
            "basis": "track",
            "site_named": None,
            "observation_id": None,
        }
        rows.append(row)
    return rows


def _season_at(seasons: Seasons, k: int) -> str | None:
    return next((s.id for s in seasons.seasons if s.first <= k <= s.last), None)


def _polygons(hulls: Sequence[FloatArray]) -> list[bytes]:
    """Return the convex hulls of sets of points, shape (n, 2) each, as WKB."""
    if not hulls:
        return []
    points = shapely.points(np.concatenate(hulls))
    sets = shapely.multipoints(points, indices=np.repeat(np.arange(len(hulls)), [*map(len, hulls)]))
    whole = shapely.orient_polygons(shapely.convex_hull(sets))
    return [bytes(each) for each in shapely.to_wkb(whole)]


def _season_rows(bird: derived.Bird, seasons: Seasons) -> list[derived.Row]:
    return [
        {
            "season": season.id,
            "observation_id": None,
            "species_key": bird.species_key,
            "start_time": instant(season.start_us),
            "end_time": instant(season.end_us),
            "basis": season.basis,
            "confidence": season.confidence,
        }
        for season in seasons.seasons
    ]


async def _legs(
    conn: Connection,
    window: Window,
    own: Placed,
    bird: derived.Bird,
    stopovers: list[derived.Row],
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
        outside = end < own.moved_from or start > own.moved_to
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
    track = await placed(conn, window, start, end + timedelta(microseconds=1))
    if len(track) < 2:  # between ends that an observer gave
        return _unseen(start, end, len(track))
    leg = await aside(len(track), measure_leg, track, 0, len(track) - 1)
    seen = [p for p in leg.parts if p.kind == "observed" and p.last > p.first]
    lines = [draw(track.lon[p.first : p.last + 1], track.lat[p.first : p.last + 1]) for p in seen]
    pieces = [piece for line in lines for piece in line.geoms]
    # Of a step that an observer's end cuts, nothing was seen on this side of it.
    beyond_us = leg.start_us - micros(start) + micros(end) - leg.end_us
    return {
        "departure_time": start,
        "arrival_time": end,
        "length_m": leg.length_m,
        "displacement_m": leg.displacement_m,
        "straightness": leg.straightness,
        "speed_max_m_s": 0.0 if np.isnan(leg.speed_max_m_s) else leg.speed_max_m_s,
        "observed_s": leg.observed_s,
        "unobserved_s": leg.unobserved_s + beyond_us / SECOND_US,
        "unobserved_m": leg.unobserved_m,
        "n_fixes": leg.n_fixes,
        "line": bytes(shapely.to_wkb(shapely.MultiLineString(pieces))) if pieces else None,
    }


def _unseen(start: datetime, end: datetime, n_fixes: int) -> derived.Row:
    """Return a leg of which no step was seen."""
    return {
        "departure_time": start, "arrival_time": end, "length_m": 0.0, "displacement_m": 0.0,
        "straightness": 1.0, "speed_max_m_s": 0.0, "observed_s": 0.0,
        "unobserved_s": (end - start).total_seconds(), "unobserved_m": 0.0, "n_fixes": n_fixes,
        "line": None,
    }  # fmt: skip


async def _changed(
    conn: Connection,
    window: Window,
    own: Placed,
    old: list[derived.Row],
    new: list[derived.Row],
) -> tuple[datetime, datetime]:
    """
    Return the span in which places or stopovers are not what they were.

    The fixes beside a change are in it: whether a bird flies at one is told from the one before.
    """
    low = await window.known.near(conn, own.moved_from, before=True) or own.moved_from
    after = await window.known.near(conn, own.moved_to + TICK, before=False)
    spans = [(low, after or own.moved_to), *_differences(old, new)]
    return min(low for low, _ in spans), max(high for _, high in spans)


def _differences(old: list[derived.Row], new: list[derived.Row]) -> list[tuple[datetime, datetime]]:
    """Return the spans of the stopovers that came or went, and of the ends that moved."""
    before = {row["arrival_time_latest"]: row for row in old}
    after = {row["arrival_time_latest"]: row for row in new}
    spans = []
    for key in before.keys() | after.keys():
        rows = [row for row in (before.get(key), after.get(key)) if row is not None]
        if len(rows) < 2 or _label(rows[0]) != _label(rows[1]):
            spans += [(row["arrival_time_earliest"], row["departure_time_latest"]) for row in rows]
            continue
        for first, last in (("arrival_time_earliest", "arrival_time_latest"),
                            ("departure_time_earliest", "departure_time_latest")):  # fmt: skip
            if any(rows[0][end] != rows[1][end] for end in (first, last)):
                spans.append((min(r[first] for r in rows), max(r[last] for r in rows)))
    return spans


def _label(row: derived.Row) -> tuple[Any, ...]:
    """Return what the fixes of a stopover are told of it."""
    return row["kind"], row["season"], row["public_lon"] is None
