"""
Plots: what a biologist looks at first, as one SVG of four panels and more.

The map with position errors and the outlines of the areas used, latitude over time, net squared
displacement with stopovers and seasons, the calendar of stopovers; and, of one bird, the areas of
its seasons each at a scale of its own, as on a flyway's map they are dots. Arrays in, bytes out:
the web process and the command line load this module (and matplotlib) when the first plot is asked
for.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray
from pyproj import Geod
from shapely import MultiPolygon, get_coordinates, get_exterior_ring, get_parts

from app.movement.profile import GAP_MAX_S

Floats = NDArray[np.float64]

KINDS = {
    "breeding": "#1b7837", "summering": "#7fbf7b", "staging": "#b35806", "stopover": "#e08214",
    "wintering": "#2166ac", "unknown": "#999999",
}  # fmt: skip
"""Colours of kinds of stopovers; each differs in lightness too, for readers who see no hue."""
SEASONS = {
    "spring": "#fee0b6", "breeding": "#d9f0d3", "summering": "#d9f0d3", "autumn": "#fddbc7",
    "wintering": "#d1e5f0",
}  # fmt: skip
LINES = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Colours of birds: Okabe and Ito's, which colour-blind readers can tell apart."""
BIRDS_NAMED = 12
"""With more birds than this the legend would hide the plot; the calendar names them all."""
NAMES_MAX = 12
"""Most sites named on the map: those of the longest stays."""
AREAS_MAX = 6
"""Most seasons whose areas are drawn large: the latest."""
ERRORS_MAX = 400
"""Most circles of error drawn: the largest."""
ERROR_SEEN = 0.002
"""Circles smaller than this share of the map's height would not be seen."""
DAY_S = 86_400.0
KM = 1000.0

_GEOD = Geod(ellps="WGS84")
DRAWING = threading.Lock()
"""matplotlib's settings and text cache are one for the process."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A stopover as drawn; `early` and `late` are the 5 and 95 % points of its two ends."""

    arrival: datetime
    departure: datetime
    early: datetime
    late: datetime
    lon: float
    lat: float
    kind: str
    site: str | None


@dataclass(frozen=True, slots=True)
class Area:
    """The area that holds `level` percent of a bird's time in a season, by one method."""

    season: str
    level: int
    method: str
    area_km2: float
    shape: MultiPolygon


@dataclass(frozen=True, slots=True)
class Bird:
    """
    One bird: `time_s` [s since 1970 UTC], `lon`, `lat` [degrees], `error_m` [m], shape (n,).

    `seasons` are (kind, start, end). `error_m` is nan where positions are on the public grid.
    `areas` come by season in time order, the widest level first.
    """

    name: str
    time_s: Floats
    lon: Floats
    lat: Floats
    error_m: Floats
    stays: tuple[Stay, ...]
    seasons: tuple[tuple[str, datetime, datetime], ...]
    areas: tuple[Area, ...] = ()


def draw(title: str, note: str, birds: list[Bird]) -> bytes:
    """Return the panels as SVG; text stays text, and the same input gives the same bytes."""
    settings: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "flyways", "text.parse_math": False, "font.size": 9,
        "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
        "axes.titlesize": 10, "axes.axisbelow": True, "legend.edgecolor": "none",
        "axes.titlelocation": "left",
        "date.converter": "concise", "timezone": "UTC", "path.simplify_threshold": 0.5,
    }  # fmt: skip
    with DRAWING, mpl.rc_context(settings):
        rows = max(len(_calendar_rows(birds)), 1)
        homes = _homes(birds)
        figure = Figure(figsize=(12, 8.4 + 0.22 * rows + 2.6 * bool(homes)), layout="constrained")
        figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=14)
        figure.text(0.01, 0.985, f"\n{note}", ha="left", va="top", fontsize=9, color="#444444")
        heights = [3.6, 3.6, 0.9 + 0.22 * rows, *([2.6] if homes else [])]
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        _map(figure.add_subplot(grid[:2, 0]), birds)
        latitude = figure.add_subplot(grid[0, 1])
        _latitude(latitude, birds)
        _displacement(figure.add_subplot(grid[1, 1], sharex=latitude), birds)
        _calendar(figure.add_subplot(grid[2, :]), birds)
        if homes:
            row = grid[3, :].subgridspec(1, AREAS_MAX)
            for number, home in enumerate(homes):
                _home(figure.add_subplot(row[0, number]), birds[0], home)
        out = io.BytesIO()
        about = {"Title": title, "Date": None, "Creator": "Flyways"}
        figure.savefig(out, format="svg", metadata=about)
    return out.getvalue()


def _line_of(birds: list[Bird], number: int) -> str:
    return "#444444" if len(birds) == 1 else LINES[number % len(LINES)]


def broken(bird: Bird, values: Floats) -> tuple[Floats, Floats]:
    """Return times and values with a break wherever the bird was silent over seven days."""
    at = np.flatnonzero(np.diff(bird.time_s) > GAP_MAX_S) + 1
    return np.insert(bird.time_s, at, np.nan), np.insert(values, at, np.nan)


def dates(time_s: Floats) -> Floats:
    """Return seconds since 1970 as matplotlib counts days."""
    return np.asarray(time_s / DAY_S, dtype=np.float64)


def _unwrapped(birds: list[Bird]) -> list[Floats]:
    """Longitudes without a jump at 180 degrees, all birds on the same turn of the globe."""
    every = [bird.lon for bird in birds if bird.lon.size]
    if not every:
        return [bird.lon for bird in birds]
    angle = np.radians(np.concatenate(every))
    middle = np.degrees(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()))
    return [(bird.lon - middle + 180.0) % 360.0 - 180.0 + middle for bird in birds]


def _map(axes: Axes, birds: list[Bird]) -> None:
    drawn = any(bird.areas for bird in birds)
    axes.set_title(
        "Track, errors (68 %), stopovers by days, areas of 50 and 95 % of time"
        if drawn
        else "Track, with position errors (68 %) and stopovers (area by days)"
    )
    axes.set_xlabel("Longitude [degrees east]")
    axes.set_ylabel("Latitude [degrees north]")
    axes.grid(color="#dddddd", linewidth=0.5)
    lons = _unwrapped(birds)
    for number, (bird, lon) in enumerate(zip(birds, lons, strict=True)):
        _, x = broken(bird, lon)
        _, y = broken(bird, bird.lat)
        name = bird.name if 1 < len(birds) <= BIRDS_NAMED else None
        axes.plot(x, y, color=_line_of(birds, number), linewidth=0.7, alpha=0.8, label=name)
        _errors(axes, bird, lon)
        for area in bird.areas:
            _outline(axes, area, float(np.median(lon)) if lon.size else 0.0)
    lats = np.concatenate([bird.lat for bird in birds]) if birds else np.empty(0)
    middle = float(np.median(lats)) if lats.size else 0.0
    axes.set_aspect(1.0 / max(np.cos(np.radians(middle)), 0.05), adjustable="datalim")
    _stays(axes, birds, lons)
    if 1 < len(birds) <= BIRDS_NAMED:
        axes.add_artist(axes.legend(loc="upper left", fontsize=8, framealpha=0.85))
    _kind_legend(axes, birds)
    _scale_bar(axes, middle)


def _errors(axes: Axes, bird: Bird, lon: Floats) -> None:
    high_m = float(np.ptp(bird.lat)) * 111_195.0 if bird.lat.size else 0.0
    known = np.flatnonzero(bird.error_m > ERROR_SEEN * high_m)  # not a number is no error
    most = known[np.argsort(-bird.error_m[known], kind="stable")[:ERRORS_MAX]]
    if not most.size:
        return
    tall = 2.0 * bird.error_m[most] / 111_195.0
    wide = tall / np.maximum(np.cos(np.radians(bird.lat[most])), 0.05)
    axes.add_collection(
        EllipseCollection(
            wide, tall, np.zeros(most.size), units="xy", transOffset=axes.transData,
            offsets=np.column_stack([lon[most], bird.lat[most]]),
            facecolors="none", edgecolors="#8888cc", linewidths=0.3, alpha=0.5,
        )
    )  # fmt: skip


def _outline(axes: Axes, area: Area, turn: float) -> None:
    """Draw an area: within 50 % full, within 95 % pale; on the turn of the globe of the track."""
    colour = KINDS.get(_kind_of(area), KINDS["unknown"])
    rings = []
    for part in get_parts(area.shape):
        for ring in (get_exterior_ring(part), *part.interiors):
            places = get_coordinates(ring)
            places[:, 0] += 360.0 * round((turn - float(places[:, 0].mean())) / 360.0)
            rings.append(Path(places, closed=True))
    inner = area.level == 50
    shape = Path.make_compound_path(*rings)  # inner rings run the other way: they are holes
    axes.add_patch(PathPatch(shape, facecolor=colour, alpha=0.45 if inner else 0.2, linewidth=0))
    axes.add_patch(
        PathPatch(shape, fill=False, edgecolor=colour, linewidth=1.2 if inner else 0.8, zorder=2)
    )


def _kind_of(area: Area) -> str:
    return area.season.split("-", 1)[-1]


def _homes(birds: list[Bird]) -> list[list[Area]]:
    """Return the areas of the latest seasons of a single bird, a list for each season."""
    if len(birds) != 1:
        return []
    seasons = list(dict.fromkeys(area.season for area in birds[0].areas))[-AREAS_MAX:]
    return [[area for area in birds[0].areas if area.season == name] for name in seasons]


def _home(axes: Axes, bird: Bird, areas: list[Area]) -> None:
    """Draw the areas of one season at their own scale, with the fixes in them."""
    told = "\n".join(f"{area.level} %: {_round(area.area_km2)} km²" for area in areas)
    axes.set_title(f"{areas[0].season} ({areas[0].method})\n{told}", fontsize=8)
    places = np.concatenate([get_coordinates(area.shape) for area in areas])
    turn, middle = float(places[0, 0]), float(places[:, 1].mean())
    for area in areas:
        _outline(axes, area, turn)
    axes.autoscale_view()
    left, right, low, high = *axes.get_xlim(), *axes.get_ylim()
    lon = (bird.lon - turn + 180.0) % 360.0 - 180.0 + turn
    near = (lon > left) & (lon < right) & (bird.lat > low) & (bird.lat < high)
    axes.plot(lon[near], bird.lat[near], ".", color="#555555", markersize=0.7, alpha=0.3, zorder=1)
    axes.set_aspect(1.0 / max(np.cos(np.radians(middle)), 0.05), adjustable="datalim")
    axes.tick_params(labelsize=6)
    axes.locator_params(nbins=4)
    axes.ticklabel_format(useOffset=False)
    axes.set_xlabel("Longitude [degrees east]", fontsize=7)
    axes.set_ylabel("Latitude [degrees north]", fontsize=7)
    _scale_bar(axes, middle)


def _round(value: float) -> str:
    """Return a number in three digits, and no power of ten."""
    return f"{float(f'{value:.3g}'):,.10g}"


def _stays(axes: Axes, birds: list[Bird], lons: list[Floats]) -> None:
    stays = [stay for bird in birds for stay in bird.stays]
    turn = float(np.median(np.concatenate(lons))) if any(v.size for v in lons) else 0.0
    days = np.array([(s.departure - s.arrival).total_seconds() / DAY_S for s in stays])
    x = np.array([(s.lon - turn + 180.0) % 360.0 - 180.0 + turn for s in stays])
    axes.scatter(
        x, [s.lat for s in stays], s=12 + 3 * np.minimum(days, 120), zorder=3, alpha=0.75,
        c=[KINDS.get(s.kind, KINDS["unknown"]) for s in stays], edgecolors="white", linewidths=0.5,
    )  # fmt: skip
    named: set[str] = set()
    for i in np.argsort(-days, kind="stable"):
        site = stays[i].site
        if site and site not in named and len(named) < NAMES_MAX:
            named.add(site)
            axes.annotate(
                site, (x[i], stays[i].lat), (6, 4), textcoords="offset points", fontsize=7
            )


def _kind_legend(axes: Axes, birds: list[Bird]) -> None:
    seen = {stay.kind for bird in birds for stay in bird.stays}
    patches = [Patch(color=colour, label=kind) for kind, colour in KINDS.items() if kind in seen]
    if patches:
        axes.legend(handles=patches, loc="lower right", fontsize=8, framealpha=0.85)


def _scale_bar(axes: Axes, middle: float) -> None:
    """Draw a bar of a round length, true at the middle latitude."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    wide_km = abs(_GEOD.inv(left, middle, right, middle)[2]) / KM if right - left < 180 else 5000.0
    goal = max(wide_km / 4.0, 1e-3)
    power = 10.0 ** np.floor(np.log10(goal))
    length_km = power * max(step for step in (1, 2, 5) if step * power <= goal)
    span = (right - left) * length_km / wide_km
    x, y = left + 0.03 * (right - left), low + 0.03 * (high - low)
    axes.plot([x, x + span], [y, y], color="black", linewidth=2, solid_capstyle="butt")
    axes.text(x + span / 2, y, f"{length_km:g} km", ha="center", va="bottom", fontsize=8)


def _shade(axes: Axes, birds: list[Bird]) -> None:
    """Shade seasons and mark stopovers along time; of several birds they would cover each other."""
    if len(birds) != 1:
        return
    for kind, start, end in birds[0].seasons:
        axes.axvspan(_date(start), _date(end), color=SEASONS.get(kind, "#eeeeee"), lw=0)
    for stay in birds[0].stays:
        colour = KINDS.get(stay.kind, KINDS["unknown"])
        axes.axvspan(_date(stay.arrival), _date(stay.departure), ymax=0.03, color=colour, lw=0)


def _date(time: datetime) -> float:
    """Return a time as matplotlib counts it: days since 1970."""
    return time.timestamp() / DAY_S


def _time_axis(axes: Axes) -> None:
    axes.xaxis_date(tz=UTC)
    axes.set_xlabel("Time [UTC]")
    axes.grid(color="#dddddd", linewidth=0.5)


def _latitude(axes: Axes, birds: list[Bird]) -> None:
    axes.set_title("Latitude; seasons shaded, stopovers along the foot")
    axes.set_ylabel("Latitude [degrees north]")
    _shade(axes, birds)
    for number, bird in enumerate(birds):
        time_s, lat = broken(bird, bird.lat)
        axes.plot(dates(time_s), lat, color=_line_of(birds, number), linewidth=0.8)
    _time_axis(axes)
    if len(birds) == 1:
        seen = dict.fromkeys(kind for kind, _, _ in birds[0].seasons)
        patches = [Patch(color=SEASONS.get(kind, "#eeeeee"), label=kind) for kind in seen]
        if patches:
            axes.legend(handles=patches, loc="upper right", fontsize=7, framealpha=0.85, ncols=2)


def _displacement(axes: Axes, birds: list[Bird]) -> None:
    axes.set_title("Net squared displacement from the first fix")
    axes.set_ylabel("NSD [million km²]")
    _shade(axes, birds)
    for number, bird in enumerate(birds):
        if not bird.time_s.size:
            continue
        one = np.ones(bird.lon.size)
        far_m = _GEOD.inv(one * bird.lon[0], one * bird.lat[0], bird.lon, bird.lat)[2]
        time_s, nsd = broken(bird, (np.asarray(far_m) / KM) ** 2 / 1e6)
        axes.plot(dates(time_s), nsd, color=_line_of(birds, number), linewidth=0.8)
    axes.set_ylim(bottom=0)
    _time_axis(axes)


def _calendar_rows(birds: list[Bird]) -> list[tuple[Bird, int]]:
    """Return the rows of the calendar: each bird and each year it has stopovers in."""
    rows = []
    for bird in birds:
        years = {y for s in bird.stays for y in range(s.arrival.year, s.departure.year + 1)}
        rows += [(bird, year) for year in sorted(years)]
    return rows


def _calendar(axes: Axes, birds: list[Bird]) -> None:
    axes.set_title("Calendar of stopovers; thin lines reach over the 90 % interval of their ends")
    rows = _calendar_rows(birds)
    for y, (bird, year) in enumerate(rows):
        for stay in bird.stays:
            colour = KINDS.get(stay.kind, KINDS["unknown"])
            for start, end, height in (
                (stay.early, stay.late, 0.12), (stay.arrival, stay.departure, 0.7),
            ):  # fmt: skip
                a, b = day_of(start, year), day_of(end, year)
                if b > a:
                    axes.barh(y, b - a, left=a, height=height, color=colour, linewidth=0)
    names = [str(year) if len(birds) == 1 else f"{bird.name} {year}" for bird, year in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    months = [datetime(2023, month, 1, tzinfo=UTC) for month in range(1, 13)]
    axes.set_xticks([day_of(m, 2023) for m in months], [f"{m:%b}" for m in months])
    axes.set_xlim(0, 366)
    axes.set_xlabel("Day of the year [UTC]")
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)


def day_of(time: datetime, year: int) -> float:
    """Return days since the year began, kept within it."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    last = datetime(year + 1, 1, 1, tzinfo=UTC)
    return (min(max(time, first), last) - first) / timedelta(days=1)
