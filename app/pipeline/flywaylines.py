"""leg, way -> flyway_line: whole migrations, their mean route, and the silences on the way."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from app.movement.gaps import GAP_MAX_US
from app.movement.journeys import Journey, journey, mean_route
from app.movement.track import FloatArray
from app.store.flown import unpacked

Row = dict[str, Any]
Cells = np.ndarray[Any, np.dtype[np.float32]]

HOMES = frozenset({"breeding", "wintering", "summering"})
"""Kinds of stays between which a migration is whole."""


def journeys(legs: list[Row]) -> list[Journey]:
    """
    Return the whole migrations among some legs of one season, each bird's by their order.

    A migration is whole where it was seen from one home to another, without a leg missing: of a
    part nobody knows which fraction of a way it is.
    """
    seasons: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for leg in sorted(legs, key=lambda leg: (leg["individual_id"], leg["departure_time"])):
        seasons[leg["individual_id"], leg["season"]].append(leg)
    found = [
        journey(bird, int(season[:4]), *_positions(own))
        for (bird, season), own in seasons.items()
        if _whole(own)
    ]
    return [each for each in found if each is not None]


def flights(legs: list[Row]) -> list[tuple[int, Cells]]:
    """Return the cells of the observed ways of each bird of some legs."""
    by_bird: dict[int, list[Cells]] = defaultdict(list)
    for leg in sorted(legs, key=lambda leg: (leg["individual_id"], leg["departure_time"])):
        cells = unpacked(leg["positions"] or b"", leg["cells"] or b"")[3]
        if cells.shape[0]:
            by_bird[leg["individual_id"]].append(cells)
    return [(bird, np.concatenate(cells)) for bird, cells in by_bird.items()]


def _whole(legs: list[Row]) -> bool:
    ends = legs[0]["from_kind"], legs[-1]["to_kind"]
    follows = all(
        a["to_stopover"] is not None and a["to_stopover"] == b["from_stopover"]
        for a, b in pairwise(legs)
    )
    return (
        follows and ends[0] != ends[1] and set(ends) <= HOMES and any(leg["cells"] for leg in legs)
    )


def _positions(legs: list[Row]) -> tuple[FloatArray, FloatArray, np.ndarray[Any, Any]]:
    each = [unpacked(leg["positions"], leg["cells"])[:3] for leg in legs if leg["positions"]]
    lon, lat, time_us = (np.concatenate(part) for part in zip(*each, strict=True))
    return lon, lat, time_us


def line_rows(legs: list[Row]) -> list[Row]:
    """Return the mean route of these legs' birds, and the great circles over their silences."""
    rows = []
    found = mean_route(journeys(legs))
    if found is not None:
        line = shapely.MultiLineString([np.column_stack([found.lon, found.lat])])
        known = found.n_journeys > 1
        rows.append({
            "part": "route", "n_birds": found.n_birds, "n_passages": found.n_journeys,
            "length_m": found.length_m, "width_50_m": found.width_50_m.tolist() if known else None,
            "width_95_m": found.width_95_m.tolist() if known else None,
            "geom": bytes(shapely.to_wkb(line)),
        })  # fmt: skip
    silent = [(leg["individual_id"], pair) for leg in legs for pair in _silences(leg)]
    if silent:
        rows.append({
            "part": "unobserved", "n_birds": len({bird for bird, _ in silent}),
            "n_passages": len(silent), "length_m": None, "width_50_m": None, "width_95_m": None,
            "geom": bytes(shapely.to_wkb(shapely.MultiLineString([pair for _, pair in silent]))),
        })  # fmt: skip
    return rows


def _silences(leg: Row) -> list[FloatArray]:
    """Return the ends of each silence of a leg, shape (2, 2) each: lon and lat of both."""
    if not leg["positions"]:
        return []
    lon, lat, time_us, _ = unpacked(leg["positions"], leg["cells"])
    gaps = np.flatnonzero(np.diff(time_us) > GAP_MAX_US)
    return [np.column_stack([lon[k : k + 2], lat[k : k + 2]]) for k in gaps]
