"""The section of the validation page about the catalogue of sites, by flocks of known truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from app.movement.arcs import arcs_m
from app.movement.itinerary import ROUTES, Place
from app.movement.sensing import Sending
from app.movement.simulate import Flock, simulate_flock
from app.movement.sites import MIN_INDIVIDUALS, SITE_WITHIN_M, NamedSites, Sites, find_sites
from app.movement.track import FloatArray, IntArray
from app.seeds import profiles
from tests.movement.flocks import START_US, key_sites
from tests.movement.section import Section, table
from tests.movement.truth import Score, stopovers_of, true_stays

SEEDS = range(900, 920)
"""Of no other test: nothing was tuned on them."""

NEAR_M = 20_000.0
SHARE_MIN = 0.95
NONE = NamedSites((), np.empty(0), np.empty(0), np.empty(0))
SENDING = Sending(interval_s=7200.0)


def flock(seed: int, *, birds: int = 32, days: float = 400) -> Flock:
    """Birds of eight species, of each by its routes in turn."""
    return simulate_flock(
        [profiles()[key] for key in ROUTES], key_sites(), n_individuals=birds,
        start_us=START_US, days=days, seed=seed, sending=SENDING,
    )  # fmt: skip


def named() -> NamedSites:
    places = key_sites()
    return NamedSites(
        tuple(place.name for place in places),
        np.array([place.lon for place in places]),
        np.array([place.lat for place in places]),
        np.full(len(places), SITE_WITHIN_M),
    )


@dataclass(frozen=True)
class Stopped:
    """Where birds stopped, found from the fixes as they were sent; arrays of shape (n,)."""

    lon: FloatArray
    lat: FloatArray
    bird: IntArray


def stopped(birds: Flock) -> Stopped:
    found = [stopovers_of(bird, profiles()[bird.species_key]) for bird in birds.birds]
    return Stopped(
        np.concatenate([each.lon for each in found]),
        np.concatenate([each.lat for each in found]),
        np.concatenate([np.full(len(each), k) for k, each in enumerate(found)]),
    )


def true_places(birds: Flock, known: NamedSites) -> list[Place]:
    """Places where the birds stayed long enough; those of no list where two birds did."""
    users: dict[Place, set[str]] = defaultdict(set)
    for bird in birds.birds:
        profile = profiles()[bird.species_key]
        for stay in true_stays(bird, profile):
            place = next(
                s.place for s in bird.stays
                if s.arrival_us <= stay.departure_us and stay.arrival_us <= s.departure_us
            )  # fmt: skip
            users[place].add(bird.local_identifier)
    return [
        place for place, names in users.items()
        if place.name in known.names or len(names) >= MIN_INDIVIDUALS
    ]  # fmt: skip


def compare(sites: Sites, places: list[Place]) -> Score:
    """Pair sites and true places one to one, within 20 km, as many as can be."""
    used = sites.n_stopovers > 0
    away = arcs_m(
        sites.lon[used], sites.lat[used],
        np.array([place.lon for place in places]), np.array([place.lat for place in places]),
    )  # fmt: skip
    near = away <= NEAR_M
    pairs = linear_sum_assignment(~near)
    return Score(len(places), int(used.sum()), int(near[pairs].sum()))


def measured(flocks: Iterable[Flock]) -> dict[str, Score]:
    """Measure with the list of key sites, and as if nobody knew one of them."""
    total = {"with the key sites known": Score(), "with no site known": Score()}
    for birds in flocks:
        stays = stopped(birds)
        for words, known in zip(total, (named(), NONE), strict=True):
            sites = find_sites(stays.lon, stays.lat, stays.bird, named=known)
            total[words] += compare(sites, true_places(birds, known))
    return total


def sites() -> Section:
    """Measure how many of the sites found are places of the birds, and the other way round."""
    found = measured(flock(seed) for seed in SEEDS)
    rows = [
        (words, f"{each.true:,}", f"{each.found:,}", f"{each.precision:.3f}", f"{each.recall:.3f}")
        for words, each in found.items()
    ]
    text = (
        f"{len(SEEDS)} flocks, seeds that nothing was tuned on, 32 birds of eight species for 400"
        " days each, a fix every two hours, with gaps and gross errors: stopovers and sites found"
        " by the whole chain. A true place is one where a bird stayed for a day and longer, of no"
        " list where two birds did. A site is right when its centre lies within 20 km of a place,"
        f" one to one. Aim: both at least {SHARE_MIN}.\n\n"
        + table(("flock", "true places", "sites found", "precision", "recall"), rows)
    )
    least = min(min(each.precision, each.recall) for each in found.values())
    return Section("Sites against simulated truth", text, holds=least >= SHARE_MIN)
