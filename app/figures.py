"""
Figures of a printed report, each one SVG; no word of any language is drawn into them.

What is in a figure is said beside it, in the reader's language: degrees, months by number, names
of birds and the years of the axis are all that is drawn. Loaded, with matplotlib, when the first
report is asked for.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from pyproj import Geod

from app.plots import DRAWING, KINDS, LINES, Bird, broken, dates, day_of

LAND, SEA, GRID = "#f1efe6", "#dfe9f0", "#cccccc"
CORRIDOR = {95: "#9ecae1", 50: "#3182bd"}
MEAN, SILENCE = ("#08306b", "#f7fbff"), "#762a83"
CALENDAR_ROWS = 40
"""Rows of one figure of the calendar: what a page of A4 holds."""
WIDE_IN = 7.1
"""Width of a figure [inches]: A4 between its margins."""
MAP_HIGH_IN = (2.6, 5.5)
"""Least and greatest height of the map [inches]: with the greatest it ends the first page."""
LABEL_IN = 0.8
"""Least distance of two numbers on an axis of the map [inches]."""
ROUND = [1, 2, 5, 10]
"""First digits of the steps between them."""
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Route:
    """What is drawn of a flyway: shapes in degrees; sites as (lon, lat, bird-days)."""

    corridors: dict[int, shapely.Geometry]
    connections: list[shapely.Geometry]
    sites: list[tuple[float, float, float]]
    land: list[shapely.Geometry]
    means: list[shapely.Geometry] = field(default_factory=list)
    silences: list[shapely.Geometry] = field(default_factory=list)


def route(found: Route) -> bytes:
    """Draw corridor, mean route, connections, silences and sites, high as the flyway is long."""
    box = _frame(found)
    stretch = 1.0 / max(float(np.cos(np.radians((box[1] + box[3]) / 2))), 0.05)
    shape = stretch * (box[3] - box[1]) / (box[2] - box[0])
    high_in = float(np.clip(WIDE_IN * shape, *MAP_HIGH_IN))
    wide_in = min(WIDE_IN, high_in / shape)

    def draw(axes: Axes) -> None:
        axes.set_facecolor(SEA)
        near = [shapely.clip_by_rect(shape, *box) for shape in found.land]
        _areas(axes, near, LAND, "#b8b4a5", 0)
        for level in sorted(found.corridors, reverse=True):
            _areas(axes, [found.corridors[level]], CORRIDOR[level], CORRIDOR[level], 1, alpha=0.55)
        _lines(axes, found.connections, color="#444444", linewidth=0.5, alpha=0.6)
        _lines(axes, found.silences, color=SILENCE, linewidth=0.8, dashes=(5, 4))
        # Two lines side by side, as the map in the browser draws it.
        _lines(axes, found.means, color=MEAN[0], linewidth=2.6)
        _lines(axes, found.means, color=MEAN[1], linewidth=1.1)
        if found.sites:
            lon, lat, days = np.array(found.sites, dtype=np.float64).T
            size = 6 + 110 * days / max(days.max(), 1e-9)
            axes.scatter(
                lon, lat, s=size, color="#b35806", alpha=0.8, edgecolors="white", linewidths=0.5,
                zorder=3,
            )  # fmt: skip
        axes.set_xlim(box[0], box[2])
        axes.set_ylim(box[1], box[3])
        axes.set_aspect(stretch)
        axes.xaxis.set_major_locator(MaxNLocator(max(2, int(wide_in / LABEL_IN)), steps=ROUND))
        axes.yaxis.set_major_locator(MaxNLocator(max(2, int(high_in / LABEL_IN)), steps=ROUND))
        axes.xaxis.set_major_formatter(lambda v, _: _degrees(v, "EW"))
        axes.yaxis.set_major_formatter(lambda v, _: _degrees(v, "NS"))

    return _svg(draw, high_in)


def _frame(found: Route) -> tuple[float, float, float, float]:
    """Return what the map shows as (west, south, east, north) [degrees]."""
    shapes = [*found.corridors.values(), *found.connections, *found.means, *found.silences]
    points = [shapely.Point(lon, lat) for lon, lat, _ in found.sites]
    west, south, east, north = shapely.total_bounds([*shapes, *points]).tolist()
    margin = max(1.0, 0.04 * max(east - west, north - south))
    return west - margin, max(south - margin, -90.0), east + margin, min(north + margin, 90.0)


def latitude(birds: Sequence[Bird]) -> bytes:
    """Draw latitude over time."""

    def draw(axes: Axes) -> None:
        for number, bird in enumerate(birds):
            time_s, lat = broken(bird, bird.lat)
            axes.plot(dates(time_s), lat, color=LINES[number % len(LINES)], linewidth=0.6)
        axes.yaxis.set_major_formatter(lambda v, _: _degrees(v, "NS"))
        axes.xaxis_date(tz=UTC)

    return _svg(draw, 2.9)


def displacement(birds: Sequence[Bird]) -> bytes:
    """Draw net squared displacement from the first fix over time [million km2]."""

    def draw(axes: Axes) -> None:
        for number, bird in enumerate(birds):
            if not bird.time_s.size:
                continue
            one = np.ones(bird.lon.size)
            far = _GEOD.inv(one * bird.lon[0], one * bird.lat[0], bird.lon, bird.lat)[2]
            time_s, nsd = broken(bird, (np.asarray(far) / 1e6) ** 2)
            axes.plot(dates(time_s), nsd, color=LINES[number % len(LINES)], linewidth=0.6)
        axes.set_ylim(bottom=0)
        axes.xaxis_date(tz=UTC)

    return _svg(draw, 2.9)


def calendar(birds: Sequence[Bird]) -> list[bytes]:
    """Draw the stopovers of each bird and year, a page's rows in one figure."""
    rows = [
        (bird, year)
        for bird in birds
        for year in sorted(
            {y for s in bird.stays for y in range(s.arrival.year, s.departure.year + 1)}
        )
    ]
    starts = range(0, len(rows), CALENDAR_ROWS)
    return [_calendar(rows[at : at + CALENDAR_ROWS]) for at in starts]


def _calendar(rows: list[tuple[Bird, int]]) -> bytes:
    def draw(axes: Axes) -> None:
        for y, (bird, year) in enumerate(rows):
            for stay in bird.stays:
                a, b = day_of(stay.arrival, year), day_of(stay.departure, year)
                if b > a:
                    colour = KINDS.get(stay.kind, KINDS["unknown"])
                    axes.barh(y, b - a, left=a, height=0.75, color=colour, linewidth=0)
        axes.set_yticks(range(len(rows)), [f"{_short(bird.name)}  {y}" for bird, y in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        months = [datetime(2023, month, 1, tzinfo=UTC) for month in range(1, 13)]
        axes.set_xticks([day_of(m, 2023) for m in months], [str(m.month) for m in months])
        axes.set_xlim(0, 366)

    return _svg(draw, 0.5 + 0.17 * len(rows), fontsize=6.5)


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _svg(draw: Callable[[Axes], None], high_in: float, *, fontsize: float = 8.0) -> bytes:
    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "flyways", "text.parse_math": False,
        "font.size": fontsize, "font.family": "sans-serif",
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.axisbelow": True, "axes.linewidth": 0.6, "date.converter": "auto",
        "timezone": "UTC", "path.simplify_threshold": 0.5,
    }  # fmt: skip
    with DRAWING, mpl.rc_context(settings), warnings.catch_warnings():
        # Text stays text: the browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph")
        figure = Figure(figsize=(WIDE_IN, high_in), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(color=GRID, linewidth=0.4)
        draw(axes)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "Flyways"})
    return out.getvalue()


def _lines(axes: Axes, shapes: Sequence[shapely.Geometry], **style: Any) -> None:
    for part in shapely.get_parts(list(shapes)):
        x, y = np.asarray(part.coords).T
        axes.plot(x, y, zorder=2, **style)


def _areas(
    axes: Axes,
    shapes: Sequence[shapely.Geometry],
    face: str,
    edge: str,
    order: int,
    *,
    alpha: float = 1.0,
) -> None:
    patches = []
    for polygon in shapely.get_parts(shapely.get_parts(list(shapes))):
        if isinstance(polygon, shapely.Polygon) and not polygon.is_empty:
            rings = [polygon.exterior, *polygon.interiors]
            paths = [Path(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings]
            patches.append(PathPatch(Path.make_compound_path(*paths)))
    axes.add_collection(
        PatchCollection(
            patches, facecolor=face, edgecolor=edge, linewidth=0.3, alpha=alpha, zorder=order
        )
    )


def _degrees(value: float, ends: str) -> str:
    value = (value + 180.0) % 360.0 - 180.0 if ends == "EW" else value
    return f"{abs(value):g}°{ends[0] if value >= 0 else ends[1]}"
