"""visible fixes -> tracks in the formats of trajectory programs, written by MovingPandas."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from shapely import LineString

from app.movement import compat
from app.movement.gaps import parts
from app.movement.lines import DRAW_TOLERANCE_DEG, cut, unwrapped
from app.movement.track import Track
from app.store import exports
from app.store.audience import Audience
from app.store.engine import Connection
from app.store.fixes import FIRST, LAST
from app.store.sight import Filters
from app.store.windows import instant, load_fixes

MIN_FIXES = 2
"""A line has two ends; a bird with one shown fix has no track."""


async def tracks(
    conn: Connection, audience: Audience, study_id: int, filters: Filters
) -> AsyncGenerator[tuple[dict[str, Any], Track], None]:
    """Yield each bird that the audience reads in full, with its shown fixes, one a time."""
    for bird in await exports.individuals(conn, audience, study_id, filters):
        ends = (filters.time_from or FIRST, filters.time_to or LAST)
        fixes = await load_fixes(conn, audience, bird["id"], *ends)
        shown = fixes.track.take(fixes.visible)
        # Two shown by hand may share a time, which a trajectory has once.
        track = shown.take(np.diff(shown.time_us, prepend=-1) != 0)
        if len(track) >= MIN_FIXES:
            yield bird, track


def moving_feature(bird: dict[str, Any], track: Track) -> dict[str, Any]:
    """Return the whole track as a feature of MF-JSON."""
    feature = compat.mf_json(bird["individual"], track.time_us, track.lon, track.lat)
    feature["properties"] |= {"taxon": bird["taxon"], "n_fixes": len(track)}
    return feature


def drawn(bird: dict[str, Any], track: Track) -> list[dict[str, Any]]:
    """Return a generalised line for each part of a track without a gap."""
    rows = []
    for first, last in parts(track.time_us):
        if last == first:
            continue
        piece = track.take(slice(first, last + 1))
        _, lon, lat = compat.generalised(
            piece.time_us, unwrapped(piece.lon), piece.lat, DRAW_TOLERANCE_DEG
        )
        rows.append({
            "individual": bird["individual"],
            "taxon": bird["taxon"],
            "time_first": instant(piece.time_us[0]),
            "time_last": instant(piece.time_us[-1]),
            "n_fixes": len(piece),
            "geometry": cut(LineString(np.column_stack([lon, lat]))),
        })  # fmt: skip
    return rows
