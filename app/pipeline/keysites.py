"""season_use -> key_sample, key_site, species_use: what the birds of a species use much."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Proj

from app.movement.density import places_of
from app.movement.geodesy import mean_position
from app.movement.isopleths import on_earth
from app.movement.keysites import (
    VERSION,
    Lattice,
    Sample,
    Use,
    assess,
    core,
    lattice_of,
    overlap,
    patches,
    use_of,
)
from app.movement.methods import LEVELS
from app.movement.speciesuse import mean_use
from app.movement.track import FloatArray, IntArray
from app.movement.utilisation import FIXES_MIN
from app.pipeline.areas import area_names
from app.pipeline.route import tellable
from app.seeds import profiles
from app.store import catalogue, keysites
from app.store.engine import Connection
from app.store.sight import GROUP_MIN

Row = dict[str, Any]

SCALES_IN_RADIUS = 2.0
"""Bandwidths in the radius of a stop of the species: a kernel as wide as half of it, 5 km for most,
spreads a position over what the bird uses in a day (day ranges have diameters of 4 to 10 km)."""

ORIGIN_STEP_DEG = 5.0
"""Step to which the middle of the plane is taken, so that cells stay where they are [degrees]."""

WITHIN_YEAR = "all"
"""Season of birds that have none."""


async def find_key_sites(conn: Connection, scope: str, *, simulated: bool) -> keysites.Found:
    """
    Return key sites and use of every species and kind of season from what the readers see.

    The years of a bird count as one. Birds of others' opened studies are seen at their public
    places alone, and only where at least `GROUP_MIN` of them are: in the sample, and in each cell.
    """
    readers = await catalogue.audience_of(conn, scope, simulated=simulated)
    enough = 1 if simulated else GROUP_MIN
    groups = defaultdict(list)
    for row in await keysites.uses(conn, readers):
        season = row["season"].partition("-")[2] or WITHIN_YEAR
        groups[row["species_key"], season].append(row)
    samples: list[Row] = []
    sites: list[Row] = []
    areas: list[Row] = []
    for (species_key, season), rows in sorted(groups.items()):
        told = tellable(_long_enough(rows), enough)
        if not told:
            continue
        facts = {"species_key": species_key, "season": season}
        judged = await asyncio.to_thread(_judge, species_key, told, enough)
        samples.append({**facts, **_sample_row(judged, told)})
        names = await area_names(conn, *judged.centres())
        made = await asyncio.to_thread(_outlined, judged, names)
        sites += [{**facts, "number": n, **row} for n, row in enumerate(made, start=1)]
        areas += [{**facts, **row} for row in await asyncio.to_thread(_areas, judged)]
    return keysites.Found(samples, sites, areas)


def _long_enough(rows: list[Row]) -> list[Row]:
    """Leave birds out that were seen for too few hours to have a core area."""
    hours: dict[int, int] = defaultdict(int)
    for row in rows:
        hours[row["individual_id"]] += row["n_hours"]
    return [row for row in rows if hours[row["individual_id"]] >= FIXES_MIN]


@dataclass(frozen=True, slots=True)
class _Spread:
    """What each bird used, spread anew each time: of a thousand birds it would be gigabytes."""

    plane: Proj
    places: list[FloatArray]
    scale_m: float

    def __iter__(self) -> Iterator[Use]:
        """Give one bird's use after the other's."""
        for lon, lat, hours in self.places:
            x, y = (np.asarray(v, dtype=np.float64) for v in self.plane(lon, lat))
            yield use_of(x, y, hours, self.scale_m)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What birds used, with whose they are; the cells of key sites, ascending; birds in each."""

    plane: Proj
    scale_m: float
    sample: Sample
    cells: IntArray
    n_birds: IntArray
    used: _Spread
    cores: list[IntArray]
    exact: NDArray[np.bool_]
    enough: int

    @property
    def lattice(self) -> Lattice:
        """The cells' lattice."""
        return lattice_of(self.scale_m)

    def centres(self) -> tuple[FloatArray, FloatArray]:
        """Return where the cells are [degrees]."""
        x, y = self.lattice.corners(self.cells)
        half = self.lattice.cell_m / 2.0
        lon, lat = self.plane(x + half, y + half, inverse=True)
        return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def _judge(species_key: str, rows: list[Row], enough: int) -> _Judged:
    scale_m = profiles()[species_key].stop_radius_m / SCALES_IN_RADIUS
    birds: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        birds[row["individual_id"]].append(row)
    places = [_joined(birds[bird]) for bird in sorted(birds)]
    exact = np.array([birds[bird][0]["exact"] for bird in sorted(birds)], dtype=np.bool_)
    plane = _plane(places)
    used = _Spread(plane, places, scale_m)
    cores: list[IntArray] = []
    sample = assess(_noted(used, cores))
    cells, n_birds = _counted(cores, exact, enough)
    inside = n_birds > sample.birds_exceeded
    return _Judged(
        plane, scale_m, sample, cells[inside], n_birds[inside], used, cores, exact, enough
    )


def _noted(used: Iterable[Use], cores: list[IntArray]) -> Iterator[Use]:
    """Pass on what each bird used, and note its core area on the way: to spread it costs most."""
    for each in used:
        cores.append(core(each))
        yield each


def _joined(rows: list[Row]) -> FloatArray:
    """Return longitude, latitude and hours of all seasons of a bird, shape (3, n)."""
    return np.concatenate([places_of(row["cells"]) for row in rows], axis=1)


def _plane(places: Iterable[FloatArray]) -> Proj:
    lon, lat, _ = np.concatenate(list(places), axis=1)
    middle = mean_position(lon, lat)
    lon_0, lat_0 = (round(v / ORIGIN_STEP_DEG) * ORIGIN_STEP_DEG for v in middle)
    return Proj(proj="laea", lon_0=lon_0, lat_0=lat_0, ellps="WGS84")


def _counted(
    cores: list[IntArray], exact: NDArray[np.bool_], enough: int
) -> tuple[IntArray, IntArray]:
    """Count birds in each cell; others' where there are enough of them, whoever else is there."""
    own, n_own = overlap([c for c, e in zip(cores, exact, strict=True) if e])
    others, n_others = overlap([c for c, e in zip(cores, exact, strict=True) if not e])
    shown = n_others >= enough
    cells, inverse = np.unique(np.concatenate([own, others[shown]]), return_inverse=True)
    counts = np.bincount(inverse, np.concatenate([n_own, n_others[shown]]), cells.shape[0])
    return cells, counts.astype(np.int64)


def _sample_row(found: _Judged, rows: list[Row]) -> Row:
    silent = [row["unobserved_s"] for row in rows]
    sample = found.sample
    return {
        "n_birds": sample.n_birds,
        "representativeness": None if sample.percent is None else round(sample.percent, 6),
        "asymptote": None if sample.asymptote is None else round(sample.asymptote, 6),
        "sufficient": sample.sufficient,
        "birds_exceeded": sample.birds_exceeded,
        "scale_m": found.scale_m,
        "observed_days": sum(row["n_hours"] for row in rows) / 24.0,
        "unobserved_days": None if None in silent else sum(silent) / 86_400.0,
        "version": VERSION,
    }


def _outlined(found: _Judged, names: list[str | None]) -> list[Row]:
    """Return the patches of cells, those of each area apart, from the largest."""
    rows = []
    name = np.array([each or "" for each in names])
    for area in sorted(set(name.tolist())):
        here = np.flatnonzero(name == area)
        label = patches(found.cells[here])
        rows += [_site(found, here[label == k], area) for k in range(int(label.max()) + 1)]
    return sorted(rows, key=lambda row: (-row["area_km2"], row["area"] or "", row["geom"]))


def _site(found: _Judged, members: IntArray, area: str) -> Row:
    cells = found.cells[members]
    meets = np.array([bool(np.isin(cells, c, assume_unique=True).any()) for c in found.cores])
    others = int(np.sum(meets & ~found.exact))
    return {
        "area": area or None,
        "area_km2": cells.shape[0] * found.lattice.cell_km2,
        "n_birds": int(np.sum(meets & found.exact)) + (others if others >= found.enough else 0),
        "n_birds_max": int(found.n_birds[members].max()),
        "geom": _outline(found, cells),
    }


def _areas(found: _Judged) -> list[Row]:
    """Return the smallest areas that hold shares of the mean bird's time, from the narrowest."""
    mean, told = mean_use(found.used, found.exact, found.enough)
    if mean is None:
        return []
    held = [(level, core(mean, level / 100.0)) for level in LEVELS]
    return [
        {
            "level": level,
            "area_km2": cells.shape[0] * found.lattice.cell_km2,
            "share_told": round(told, 6),
            "geom": _outline(found, cells),
        }
        for level, cells in held
    ]


def _outline(found: _Judged, cells: IntArray) -> bytes:
    """Draw the cells, ascending, as WKB: in rows as far as they touch, which are fewer."""
    cell_m = found.lattice.cell_m
    first = np.flatnonzero(np.diff(cells, prepend=cells[0] - 2) != 1)
    n = np.diff(first, append=cells.shape[0])
    x, y = found.lattice.corners(cells[first])
    planar = shapely.union_all(shapely.box(x, y, x + n * cell_m, y + cell_m))
    parts = [g for g in shapely.get_parts(planar) if g.geom_type == "Polygon"]
    return bytes(shapely.to_wkb(on_earth(parts, found.plane)))
