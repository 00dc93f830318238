"""Gross errors of simulated GPS birds: how many screening finds, and how many it invents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from app.movement.itinerary import ROUTES
from app.movement.outliers import outlier_cleaner
from app.movement.profile import Profile
from app.movement.screening import OK, screen
from app.movement.sensing import Sending
from app.movement.simulate import simulate_flock
from app.movement.speedfilter import REMOVED, speed_angle_filter
from app.movement.track import BoolArray, Track
from app.seeds import profiles
from tests.movement.flocks import START_US, key_sites
from tests.movement.journeys import fly

HOURLY = Sending(interval_s=3600.0, gross_error_share=0.0)
SHARE = 0.003


@dataclass(frozen=True)
class Errors:
    """Which gross errors are put in: how far, log-uniform [m], and how many come in runs."""

    name: str
    far_m: tuple[float, float]
    in_runs: float = 0.0  # share of the errors that come in runs of 2 to 6 at one wrong place

    def put(self, track: Track, rng: np.random.Generator) -> tuple[Track, BoolArray]:
        """Displace 0.3 % of the fixes; says which."""
        n = len(track)
        wanted = rng.poisson(n * SHARE / (1.0 + 3.0 * self.in_runs))
        at = rng.integers(0, n, wanted)
        run = np.where(rng.random(wanted) < self.in_runs, rng.integers(2, 7, wanted), 1)
        far = np.exp(rng.uniform(*np.log(self.far_m), wanted))
        azimuth = rng.uniform(0.0, 360.0, wanted)
        lon, lat = track.lon.copy(), track.lat.copy()
        bad = np.zeros(n, dtype=np.bool_)
        for i, k, r, a in zip(at, run, far, azimuth, strict=True):
            for j in range(i, min(i + k, n)):
                lon[j], lat[j], _ = Geod(ellps="WGS84").fwd(track.lon[j], track.lat[j], a, r)
                bad[j] = True
        return Track(track.time_us, lon, lat, track.error_m), bad


ALONE = Errors("alone, 10 to 500 km off", (10_000.0, 500_000.0))
"""The errors of the figures that others are known to reach, told by these: of errors alone and
log-uniform so far off, MovingPandas finds 0.35 and argosfilter's speed filter 0.29, as published.
SDA's flags are right as often (0.945) with birds that keep near, as those of `quiet` do."""
NEARER = Errors("alone, 5 to 500 km off", (5_000.0, 500_000.0))
RUNS = Errors("half of them in runs of 2 to 6, 5 to 500 km off", (5_000.0, 500_000.0), 0.5)
FAR_RUNS = Errors("half of them in runs of 2 to 6, 20 to 500 km off", (20_000.0, 500_000.0), 0.5)


def _ours(track: Track, profile: Profile) -> BoolArray:
    return np.asarray(screen(track, profile).code != OK)


def _sda(track: Track, profile: Profile) -> BoolArray:
    kinds = np.full(len(track), "3")
    found = speed_angle_filter(
        track.time_us, track.lon, track.lat, kinds, speed_max_m_s=profile.speed_max_m_s
    )
    return np.asarray(found == REMOVED)


def _cleaner(track: Track, profile: Profile) -> BoolArray:
    return ~outlier_cleaner(track.time_us, track.lon, track.lat, profile.speed_max_m_s)


METHODS: Mapping[str, Callable[[Track, Profile], BoolArray]] = {
    "ours": _ours, "argosfilter's SDA": _sda, "MovingPandas' cleaner": _cleaner,
}  # fmt: skip
"""The others by our own ports, which equal them flag for flag."""


@dataclass
class Found:
    """Gross errors flagged, fixes flagged that were good, and errors missed."""

    hit: int = 0
    false: int = 0
    missed: int = 0

    @property
    def recall(self) -> float:
        """Return the share of errors that are flagged."""
        return self.hit / (self.hit + self.missed)

    @property
    def precision(self) -> float:
        """Return the share of flagged fixes that are errors."""
        return self.hit / (self.hit + self.false)

    def add(self, flagged: BoolArray, bad: BoolArray) -> None:
        """Count the flags of one track."""
        self.hit += int((flagged & bad).sum())
        self.false += int((flagged & ~bad).sum())
        self.missed += int((~flagged & bad).sum())


def screened(seeds: Iterable[int], errors: Errors, *, days: float = 300.0) -> dict[str, Found]:
    """Screen eight birds of each seed, one of a species, by every method."""
    found = {name: Found() for name in METHODS}
    for seed in seeds:
        flock = simulate_flock(
            [profiles()[key] for key in ROUTES], key_sites(), n_individuals=8, start_us=START_US,
            days=days, seed=seed, sending=HOURLY,
        )  # fmt: skip
        rng = np.random.default_rng([seed, 77])
        for bird in flock.birds:
            _screen(found, bird.sent.track, profiles()[bird.species_key], errors, rng)
    return found


def quiet(seeds: Iterable[int], errors: Errors, *, birds: int = 3) -> dict[str, Found]:
    """Screen the autumns of cranes that stay 3 to 60 days at a place and keep near it."""
    found = {name: Found() for name in METHODS}
    for seed in seeds:
        rng = np.random.default_rng([seed, 77])
        for number in range(birds):
            track = fly([seed, number], stays=5, stay_days=(3.0, 60.0), wander_m=1200.0).track
            _screen(found, track, profiles()["white_naped_crane"], errors, rng)
    return found


def _screen(
    found: dict[str, Found],
    track: Track,
    profile: Profile,
    errors: Errors,
    rng: np.random.Generator,
) -> None:
    track, bad = errors.put(track, rng)
    for name, method in METHODS.items():
        found[name].add(method(track, profile), bad)
