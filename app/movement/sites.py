"""Sites: the named key sites birds stop at, and the unnamed ones that stopovers point out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, pdist

from app.movement.arcs import EARTH_RADIUS_M
from app.movement.geodesy import distance_m, mean_position, to_xyz
from app.movement.track import FloatArray, IntArray

SITE_WITHIN_M = 20_000.0
"""Reach of a site [m]: stopovers this near to a named site are its own, and no two stopovers of
an unnamed one lie farther apart; the cell of complete linkage that networks of sites use
(Dunn et al. 2019, doi:10.1098/rspb.2019.1472), kept by the profile notes of all species."""

MIN_INDIVIDUALS = 2
"""A place that one bird alone has used is a stopover, not yet a site [birds]."""

CELL_SHARE = 0.05
CROWD = 3_000
"""More stopovers than this in one chain are first put into cells of `CELL_SHARE` x the reach, so
that memory stays below 100 MB [stopovers]; the diameter bound holds all the same."""


@dataclass(frozen=True, slots=True)
class NamedSites:
    """Key sites, each with its reach; arrays of shape (m,), degrees and metres."""

    names: tuple[str, ...]
    lon: FloatArray
    lat: FloatArray
    radius_m: FloatArray

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Sites:
    """
    The catalogue of sites: all named ones in the order given, then the discovered by key.

    Attributes
    ----------
    of_stopover : ndarray of int64, shape (n,)
        Site of each stopover; -1 for a stopover at no site.
    lon, lat, radius_m : ndarray of float64, shape (k,)
        Centre [degrees] and reach [m]: as given for named sites, else the farthest stopover's.
    n_individuals, n_stopovers : ndarray of int64, shape (k,)
        Birds and stopovers seen.
    named_index : ndarray of int64, shape (k,)
        Row among the named sites, -1 for a discovered site.
    key, name : tuple of str
        A key that follows from the content alone, and a name to print.
    """

    of_stopover: IntArray
    lon: FloatArray
    lat: FloatArray
    radius_m: FloatArray
    n_individuals: IntArray
    n_stopovers: IntArray
    named_index: IntArray
    key: tuple[str, ...]
    name: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.key)


def find_sites(
    lon: FloatArray,
    lat: FloatArray,
    individual: IntArray,
    *,
    named: NamedSites,
    area: IntArray | None = None,
    within_m: float = SITE_WITHIN_M,
) -> Sites:
    """
    Gather stopovers of many birds into sites.

    A stopover within the reach of named sites belongs to the nearest of them; named sites never
    merge. The others are clustered by complete linkage within each area, so that no two of one
    site lie farther apart than `within_m`: no chains. The order of the stopovers is immaterial.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Centres of the stopovers [degrees].
    individual : ndarray of int64, shape (n,)
        Bird of each stopover.
    named : NamedSites
        Key sites.
    area : ndarray of int64, shape (n,), optional
        Country or sea of each stopover; unnamed sites never cross from one to the next.
    within_m : float
        Diameter bound of discovered sites [m].

    Returns
    -------
    Sites
        Assignment and catalogue.

    Examples
    --------
    >>> none = NamedSites((), np.empty(0), np.empty(0), np.empty(0))
    >>> place = np.array([179.95, -179.95, 120.0])
    >>> sites = find_sites(place, np.array([65.0, 65.0, 45.0]), np.array([1, 2, 1]), named=none)
    >>> sites.of_stopover.tolist(), sites.name
    ([0, 0, -1], ('Unnamed site 65.00 N 180.00 E',))
    """
    of_stopover = _nearest_named(lon, lat, named)
    free = np.flatnonzero(of_stopover < 0)
    zone = np.zeros(lon.shape[0], np.int64) if area is None else area
    free = free[np.lexsort((individual[free], lat[free], lon[free], zone[free]))]
    clusters = []
    for group in _chains(lon[free], lat[free], zone[free], within_m):
        members = free[group]
        labels = _complete_linkage(lon[members], lat[members], within_m)
        clusters += [members[labels == c] for c in np.unique(labels)]
    found = [c for c in clusters if np.unique(individual[c]).shape[0] >= MIN_INDIVIDUALS]
    return _catalogue(lon, lat, individual, of_stopover, named=named, found=found)


def _nearest_named(lon: FloatArray, lat: FloatArray, named: NamedSites) -> IntArray:
    """Return the nearest named site that reaches each stopover, the first of equals, or -1."""
    out = np.full(lon.shape[0], -1, dtype=np.int64)
    if len(named) == 0:
        return out
    away = cdist(to_xyz(lon, lat), to_xyz(named.lon, named.lat))
    away = np.where(away <= _chord_m(named.radius_m), away, np.inf)
    best = np.argmin(away, axis=1)
    reached = np.isfinite(away[np.arange(lon.shape[0]), best])
    out[reached] = best[reached]
    return out


def _chord_m(arc_m: FloatArray) -> FloatArray:
    """Turn arcs over the ground into straight lines through it [m]."""
    return np.asarray(2.0 * EARTH_RADIUS_M * np.sin(arc_m / (2.0 * EARTH_RADIUS_M)))


def _chains(lon: FloatArray, lat: FloatArray, zone: IntArray, within_m: float) -> list[IntArray]:
    """Split points into groups between which no distance is within reach, input order kept."""
    n = lon.shape[0]
    if n == 0:
        return []
    reach_m = float(_chord_m(np.array([within_m]))[0])
    cells, cell = np.unique(
        np.column_stack([zone, np.floor(to_xyz(lon, lat) / reach_m).astype(np.int64)]),
        axis=0, return_inverse=True,
    )  # fmt: skip
    # Neighbouring cells hold all points in reach; joining whole cells only makes groups larger.
    zones = cells[:, :1] * 1e4  # farther apart than any two neighbours
    pairs = cKDTree(np.column_stack([cells[:, 1:], zones])).query_pairs(1.8, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(cells), len(cells)))
    _, group = connected_components(graph, directed=False)
    label = group[cell.ravel()]
    order = np.argsort(label, kind="stable")
    return [np.asarray(g) for g in np.split(order, np.flatnonzero(np.diff(label[order])) + 1)]


def _complete_linkage(lon: FloatArray, lat: FloatArray, within_m: float) -> IntArray:
    """Label points so that no label spans more than `within_m`."""
    xyz = to_xyz(lon, lat)
    reach_m = within_m
    inverse = np.arange(lon.shape[0])
    if lon.shape[0] > CROWD:
        cell_m = CELL_SHARE * within_m
        corners, inverse = np.unique(np.floor(xyz / cell_m), axis=0, return_inverse=True)
        xyz = (corners + 0.5) * cell_m
        reach_m = within_m - 2.0 * np.sqrt(3.0) / 2.0 * cell_m  # each point is off its cell centre
    if xyz.shape[0] < 2:
        return np.zeros(lon.shape[0], dtype=np.int64)
    tree = linkage(pdist(xyz), method="complete")
    bound_m = float(_chord_m(np.array([reach_m]))[0])
    return np.asarray(fcluster(tree, bound_m, criterion="distance"), np.int64)[inverse.ravel()]


def _catalogue(
    lon: FloatArray,
    lat: FloatArray,
    individual: IntArray,
    of_stopover: IntArray,
    *,
    named: NamedSites,
    found: list[IntArray],
) -> Sites:
    """Describe named and discovered sites; number the latter by key."""
    centres = [mean_position(lon[c], lat[c]) for c in found]
    order = sorted(range(len(found)), key=lambda i: (*_rounded(centres[i]), centres[i]))
    keys: list[str] = []
    radius = []
    for number, i in enumerate(order, start=len(named)):
        members, (x, y) = found[i], centres[i]
        of_stopover[members] = number
        one = np.ones(members.shape[0])
        radius.append(float(distance_m(x * one, y * one, lon[members], lat[members]).max()))
        stem = "{:.2f},{:.2f}".format(*_rounded((x, y)))
        twin = sum(1 for k in keys if k.split("#")[0] == stem)
        keys.append(f"{stem}#{twin + 1}" if twin else stem)
    k = len(named) + len(found)
    seen = of_stopover >= 0
    pairs = np.unique(np.column_stack([of_stopover[seen], individual[seen]]), axis=0)
    ordered = [centres[i] for i in order]
    return Sites(
        of_stopover=of_stopover,
        lon=np.concatenate([named.lon, [x for x, _ in ordered]]),
        lat=np.concatenate([named.lat, [y for _, y in ordered]]),
        radius_m=np.concatenate([named.radius_m, radius]),
        n_individuals=np.bincount(pairs[:, 0], minlength=k).astype(np.int64),
        n_stopovers=np.bincount(of_stopover[seen], minlength=k).astype(np.int64),
        named_index=np.concatenate([np.arange(len(named)), np.full(len(found), -1)]).astype(int),
        key=(*named.names, *keys),
        name=(*named.names, *(_name(centre) for centre in ordered)),
    )


def _rounded(centre: tuple[float, float]) -> tuple[float, float]:
    """Round to hundredths of a degree; -180 and -0 are 180 and 0."""
    lon, lat = (round(v, 2) + 0.0 for v in centre)
    return (180.0 if lon == -180.0 else lon), lat


def _name(centre: tuple[float, float]) -> str:
    lon, lat = _rounded(centre)
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    return f"Unnamed site {abs(lat):.2f} {north} {abs(lon):.2f} {east}"
