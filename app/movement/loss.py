"""What if a site is lost: whose way it breaks, and where else they could go within a leg."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.movement.arcs import arcs_m
from app.movement.families import beyond_none, bounds, draw_weights, tells
from app.movement.track import FloatArray

LEG_QUANTILE = 0.95
"""Legs up to this quantile of those seen are within the reach of the species; our choice."""

NO_SITE = -1


@dataclass(frozen=True, slots=True)
class Journey:
    """
    One bird's way through one season: the stops that it made, in order.

    Attributes
    ----------
    bird, family : int
        Who flew it.
    site : tuple of int
        Site of each stop, `NO_SITE` for a stop at none.
    lon, lat : tuple of float
        Where it stopped [degrees].
    """

    bird: int
    family: int
    site: tuple[int, ...]
    lon: tuple[float, ...]
    lat: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A site within a leg of both neighbours of the lost one, and the longer way it costs."""

    site: int
    n_journeys: int
    detour_m: float  # median over the journeys that it would serve


@dataclass(frozen=True, slots=True)
class Loss:
    """
    What the loss of one site would do.

    Attributes
    ----------
    site : int
        The site.
    rank : int
        1 for the site whose loss breaks the largest share of journeys; of equal ones, that
        which touches more.
    n_affected, n_broken : int
        Journeys that stop there, and those of them that no other site and no longer leg mends.
    affected, affected_low, affected_high, broken : float
        Shares of all journeys; the interval draws families anew, and where all are affected its
        low end is that of `families.beyond_none`.
    n_birds : int
        Birds affected.
    alternatives : tuple of Alternative
        Those that serve most journeys first.
    """

    site: int
    rank: int
    n_affected: int
    n_broken: int
    affected: float
    affected_low: float
    affected_high: float
    broken: float
    n_birds: int
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Criticality:
    """The losses of all sites by rank, for a reach of `leg_max_m`."""

    n_journeys: int
    leg_max_m: float
    losses: tuple[Loss, ...]


def criticality(
    journeys: Sequence[Journey], site_lon: FloatArray, site_lat: FloatArray
) -> Criticality:
    """
    Rank sites by what their loss would break.

    A journey that stops at the lost site is mended where another site lies within the reach of
    the species from the stop before and from the stop after, or where those two lie within reach
    of each other. A journey that begins or ends at the lost site is mended where another site
    at which journeys begin (or end) lies within reach of the stop next to it. The reach is the
    `LEG_QUANTILE` of the legs seen. Nothing is said of whether the other site has room.

    Parameters
    ----------
    journeys : sequence of Journey
        Of one species; their order is immaterial.
    site_lon, site_lat : ndarray of float64, shape (k,)
        Centres of the sites [degrees].

    Examples
    --------
    >>> ways = [Journey(b, b, (0, 1, 2), (0.0, 10.0, 20.0), (0.0, 0.0, 0.0)) for b in (1, 2)]
    >>> found = criticality(ways, np.array([0.0, 10.0, 20.0]), np.zeros(3))
    >>> found.losses[0].n_broken, round(found.leg_max_m / 1000)
    (2, 1112)
    """
    ways = [_stops(journey) for journey in journeys]
    ways_on = [way for way in ways if len(way.site) > 1]
    legs = [leg for way in ways_on for leg in _legs_m(way)]
    reach = float(np.quantile(legs, LEG_QUANTILE)) if legs else 0.0
    begun = {way.site[0] for way in ways_on} - {NO_SITE}
    ended = {way.site[-1] for way in ways_on} - {NO_SITE}
    used = {site for way in ways for site in way.site} - {NO_SITE}
    network = _Network(site_lon, site_lat, reach, begun, ended, used)
    stopping: dict[int, list[Journey]] = defaultdict(list)
    for way in ways:
        for site in sorted({*way.site} - {NO_SITE}):
            stopping[site].append(way)
    losses = [_loss(network, site, stopping[site], ways) for site in sorted(stopping)]
    losses.sort(key=lambda each: (-each.broken, -each.affected, each.site))
    ranked = tuple(replace(each, rank=rank) for rank, each in enumerate(losses, 1))
    return Criticality(len(ways), reach, ranked)


@dataclass(frozen=True, slots=True)
class _Network:
    lon: FloatArray
    lat: FloatArray
    reach_m: float
    begun: set[int]
    ended: set[int]
    used: set[int]


def _stops(journey: Journey) -> Journey:
    """Return a journey whose stops at one site in a row are one stop."""
    kept = [
        k for k, site in enumerate(journey.site)
        if k == 0 or site == NO_SITE or site != journey.site[k - 1]
    ]  # fmt: skip
    return replace(
        journey,
        site=tuple(journey.site[k] for k in kept),
        lon=tuple(journey.lon[k] for k in kept),
        lat=tuple(journey.lat[k] for k in kept),
    )


def _legs_m(way: Journey) -> list[float]:
    lon, lat = np.array(way.lon), np.array(way.lat)
    legs: list[float] = np.diagonal(arcs_m(lon[:-1], lat[:-1], lon[1:], lat[1:])).tolist()
    return legs


def _loss(network: _Network, site: int, touched: list[Journey], ways: list[Journey]) -> Loss:
    serving: dict[int, list[float]] = defaultdict(list)
    broken = 0
    for way in touched:
        mended = True
        for k in (k for k, each in enumerate(way.site) if each == site):
            others, skip = _mended(network, way, k)
            mended &= skip or bool(others)
            for other, detour in others.items():
                serving[other].append(detour)
        broken += not mended
    n = len(ways)
    low, high = _interval(touched, ways)
    alternatives = [
        Alternative(other, len(detours), float(np.median(detours)))
        for other, detours in serving.items()
    ]
    alternatives.sort(key=lambda each: (-each.n_journeys, each.detour_m, each.site))
    return Loss(
        site=site,
        rank=0,
        n_affected=len(touched),
        n_broken=broken,
        affected=len(touched) / n,
        affected_low=low,
        affected_high=high,
        broken=broken / n,
        n_birds=len({way.bird for way in touched}),
        alternatives=tuple(alternatives),
    )


def _mended(network: _Network, way: Journey, k: int) -> tuple[dict[int, float], bool]:
    """Return the sites that could stand for one stop with their detours, and if none is needed."""
    near = [j for j in (k - 1, k + 1) if 0 <= j < len(way.site)]
    if not near:
        return {}, False  # a bird that was seen nowhere else
    inner = len(near) == 2
    fit = network.used if inner else network.begun if k == 0 else network.ended
    others = np.array(sorted(fit - {way.site[k]}), dtype=np.int64)
    lon, lat = np.array(way.lon)[near], np.array(way.lat)[near]
    far = arcs_m(lon, lat, network.lon[others], network.lat[others])
    now = arcs_m(lon, lat, np.array([way.lon[k]]), np.array([way.lat[k]])).sum()
    fits = (far <= network.reach_m).all(axis=0)
    detour = far.sum(axis=0) - now
    skip = inner and float(arcs_m(lon[:1], lat[:1], lon[1:], lat[1:])[0, 0]) <= network.reach_m
    return dict(zip(others[fits].tolist(), detour[fits].tolist(), strict=True)), skip


def _interval(touched: list[Journey], ways: list[Journey]) -> tuple[float, float]:
    family = np.array([way.family for way in ways], dtype=np.int64)
    if not tells(np.array([way.bird for way in ways], dtype=np.int64), family):
        return float("nan"), float("nan")
    hit = Counter(way.family for way in touched)
    every = Counter(way.family for way in ways)
    houses = np.array(sorted(every), dtype=np.int64)
    weights = draw_weights(houses)
    part = weights @ np.array([hit[h] for h in houses.tolist()], dtype=np.float64)
    whole = weights @ np.array([every[h] for h in houses.tolist()], dtype=np.float64)
    low, high = (float(end[0]) for end in bounds((part / whole)[:, None]))
    if len(touched) == len(ways):
        low = 1.0 - beyond_none(np.array(list(every.values())))
    return low, high
