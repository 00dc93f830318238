"""A migration in numbers: what every tracking paper prints of one bird, season and year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from pyproj import Geod

from app.movement.track import FloatArray

_GEOD = Geod(ellps="WGS84")
"""Not `geodesy`, whose compiled code the web process never loads: a migration has few legs."""


@dataclass(frozen=True, slots=True)
class Way:
    """
    The way of a migration.

    Attributes
    ----------
    route_m : float
        Length through all fixes of its legs, each never below the great circle between the
        stopovers it joins, so that the route is never shorter than the displacement [m].
    unobserved_m : float
        Part of it that crosses silences over `GAP_MAX_S`, as great circles [m].
    displacement_m : float
        Great circle from where it began to where it ended [m].
    straightness : float
        displacement / route, 0..1; 1 for a way without length.
    speed_m_s : float
        Observed length by observed time; nan where nothing was observed [m/s].
    """

    route_m: float
    unobserved_m: float
    displacement_m: float
    straightness: float
    speed_m_s: float


def measure_way(
    lon: FloatArray,
    lat: FloatArray,
    *,
    length_m: FloatArray,
    unobserved_m: FloatArray,
    observed_s: FloatArray,
) -> Way:
    """
    Measure a migration by its legs.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (k + 1,)
        Centres of the stopovers the legs join, from the residence left to the one reached
        [degrees].
    length_m, unobserved_m, observed_s : ndarray of float64, shape (k,)
        Of each leg [m], [m], [s].

    Returns
    -------
    Way
        Its straightness is never above 1.

    Examples
    --------
    >>> way = measure_way(np.array([0.0, 1.0, 1.0]), np.zeros(3), length_m=np.array([5e4, 0.0]),
    ...     unobserved_m=np.zeros(2), observed_s=np.array([5e3, 0.0]))
    >>> round(way.route_m), way.straightness, way.speed_m_s
    (111319, 1.0, 10.0)
    """
    apart = np.asarray(_GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2])
    route = float(np.maximum(length_m, apart).sum())
    net = float(_GEOD.inv(lon[0], lat[0], lon[-1], lat[-1])[2])
    net = min(net, route)  # above it by rounding alone: the way over the centres is no shorter
    seen_s = float(observed_s.sum())
    seen_m = float(np.maximum(length_m - unobserved_m, 0.0).sum())
    return Way(
        route_m=route,
        unobserved_m=float(unobserved_m.sum()),
        displacement_m=net,
        straightness=net / route if route > 0.0 else 1.0,
        speed_m_s=seen_m / seen_s if seen_s > 0.0 else float("nan"),
    )


def in_order(
    stays: Sequence[tuple[date, str]], crossed: Iterable[tuple[date, bool, str]]
) -> tuple[str, ...]:
    """
    Return the countries of a migration in the order in which the bird came to them.

    Parameters
    ----------
    stays : sequence of (date, str)
        Day of arrival and country of each stopover, in order, the residences at both ends
        included.
    crossed : iterable of (date, bool, str)
        Days in the countries that the bird was in at all, and whether from within a stopover, as
        on a trip over a border; the first in each counts.

    Returns
    -------
    tuple of str
        A country that was only crossed stands before the first stopover reached after that time:
        what was crossed on the day of an arrival was crossed on the way there. Of two crossed
        first on one day that stands first whose name does.

    Examples
    --------
    >>> in_order([(date(2020, 3, 1), "Japan"), (date(2020, 3, 9), "Russia")],
    ...     [(date(2020, 3, 9), False, "Korea"), (date(2020, 3, 1), True, "Japan")])
    ('Japan', 'Korea', 'Russia')
    """
    staying = {country for _, country in stays}
    first: dict[str, tuple[date, bool]] = {}
    for day, aside, country in sorted(crossed):
        if country not in staying:
            first.setdefault(country, (day, aside))
    out: list[str] = []
    for day, country in [*stays, (date.max, "")]:
        out += [name for name, at in first.items() if at <= (day, False) and name not in out]
        if country and (not out or out[-1] != country):
            out.append(country)
    return tuple(out)
