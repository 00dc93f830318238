"""Birds whose Argos fixes are simulated: truth, and how near to it smoothing comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from app.movement.argos import ellipse_covariance_m2
from app.movement.geodesy import distance_m, inverse
from app.movement.itinerary import ROUTES
from app.movement.noise import SIGMAS_95
from app.movement.screening import OK, screen
from app.movement.sensing import Sending
from app.movement.simulate import SimulatedBird, simulate_flock
from app.movement.smoothing import Smoothed, smooth
from app.movement.track import BoolArray, FloatArray, Track
from app.seeds import noise_of, profiles
from tests.movement.flocks import START_US, key_sites

SCHEDULES: Mapping[str, Sending] = {
    "hourly": Sending(sensor="argos", interval_s=3600.0),
    "90 minutes": Sending(sensor="argos", interval_s=5400.0),
    "4 hours": Sending(sensor="argos", interval_s=14_400.0),
    "8 h on, 40 h off": Sending(sensor="argos", interval_s=3600.0, duty_on_h=8.0, duty_off_h=40.0),
}
"""How often satellites hear the birds; errors with t3 tails, 0.3 % of the fixes wrong as well."""


@dataclass(frozen=True)
class Accuracy:
    """How near to the truth smoothed positions are, and how well their ellipses tell that."""

    n: int
    median_km: float
    rmse_km: float
    within_95: float
    within_50: float
    kept: float

    @classmethod
    def of(cls, error_m: FloatArray, sigmas2: FloatArray, kept: float) -> Accuracy:
        """Sum up distances from the truth, plain and in squared standard deviations."""
        return cls(
            n=error_m.shape[0],
            median_km=float(np.median(error_m)) / 1e3,
            rmse_km=float(np.sqrt((error_m**2).mean())) / 1e3,
            within_95=float((sigmas2 <= SIGMAS_95**2).mean()),
            within_50=float((sigmas2 <= 2.0 * np.log(2.0)).mean()),
            kept=kept,
        )


def birds(seed: int, sending: Sending, *, n: int = 8, days: float = 300.0) -> list[SimulatedBird]:
    """Return one bird of each of eight species (or more)."""
    species = [profiles()[key] for key in ROUTES]
    flock = simulate_flock(
        species, key_sites(), n_individuals=n, start_us=START_US, days=days, seed=seed,
        sending=sending,
    )  # fmt: skip
    return list(flock.birds)


def smoothed(bird: SimulatedBird, *, told: bool = False) -> tuple[BoolArray, Track, Smoothed]:
    """
    Screen and smooth a bird's fixes as the flow does: which are shown, they, and the result.

    `told` leaves out, by the truth, the wrong fixes that no screening found.
    """
    sent = bird.sent
    shown = screen(sent.track, profiles()[bird.species_key]).code == OK
    if told:
        shown &= ~sent.is_gross_error
    track = sent.track.take(shown)
    covariance = ellipse_covariance_m2(*sent.ellipse[shown].T)
    return shown, track, smooth(track, covariance, noise_of(bird.species_key))


def accuracy(
    seeds: Iterable[int], sending: Sending, *, n: int = 8, days: float = 300.0, told: bool = False
) -> Accuracy:
    """Smooth the birds of some seeds and hold them against the truth, at every shown fix."""
    far, sigmas2, good, kept = [], [], 0, 0
    for seed in seeds:
        for bird in birds(seed, sending, n=n, days=days):
            shown, _, found = smoothed(bird, told=told)
            true = bird.sent.true_lon[shown], bird.sent.true_lat[shown]
            way, azimuth = inverse(*true, found.lon, found.lat)
            off = way[:, None] * np.stack(
                (np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))), axis=1
            )
            far.append(distance_m(*true, found.lon, found.lat))
            scaled = np.linalg.solve(found.covariance_m2, off[:, :, None])[:, :, 0]
            sigmas2.append((off * scaled).sum(axis=1))
            right = ~bird.sent.is_gross_error
            good, kept = good + int(right.sum()), kept + int((right & shown).sum())
    return Accuracy.of(np.concatenate(far), np.concatenate(sigmas2), kept / good)
