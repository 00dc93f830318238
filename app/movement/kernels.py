"""Compile every kernel once and keep the code, so that no first push waits for a compiler."""

from __future__ import annotations

import numpy as np

from app.movement.isopleths import Grid
from app.movement.itinerary import ROUTES, Place
from app.movement.kernel_density import kernel_density
from app.movement.methods import METHODS
from app.movement.noise import Noise, Walk
from app.movement.outliers import outlier_cleaner
from app.movement.profile import Profile
from app.movement.ranges import stay_range
from app.movement.residence import residence_time_s, visits
from app.movement.screening import screen
from app.movement.simulate import simulate_flock
from app.movement.smoothing import log_likelihood, smooth
from app.movement.speedfilter import speed_angle_filter
from app.movement.stopovers import find_stays, merge_stays
from app.movement.stops import StopRule
from app.movement.stops import find_stops as find_peer_stops
from app.movement.track import HOUR_US, Track
from app.movement.utilisation import utilise
from app.movement.windows import window


def compile_all(profile: Profile, sites: list[Place]) -> int:
    """
    Run the kernels on one simulated bird; numba stores their code beside the modules.

    Parameters
    ----------
    profile : Profile
        A species with a row in `itinerary.ROUTES`.
    sites : list of Place
        Rows of sites.csv.

    Returns
    -------
    int
        Number of stopovers found, at least 1: proof that the kernels ran.
    """
    if profile.key not in ROUTES:
        raise ValueError(f"no route is known for {profile.key}: take a key of itinerary.ROUTES")
    flock = simulate_flock([profile], sites, n_individuals=1, start_us=0, days=60.0, seed=1)
    track = flock.birds[0].sent.track
    hidden = np.zeros(len(track), dtype=np.bool_)
    kept = screen(track, profile, hidden, hidden).code == 0
    window(track, profile, (int(track.time_us[0]), int(track.time_us[-1])), hidden)
    _smoothers(track.take(kept))
    find_peer_stops(track.time_us, track.lon, track.lat, StopRule())
    shown = track.take(kept)
    for method in METHODS:
        utilise(shown, method)
    _places(shown.take(slice(0, 48)))
    return len(merge_stays(find_stays(shown, profile), profile))


def _places(track: Track) -> None:
    """Run what tells how a bird used a place; any days and nights will do."""
    rests = track.time_us // (6 * HOUR_US) % 2 == 0
    stay_range(track, rests, ~rests, 1000.0)
    time_s, x, y = track.time_us / 1e6, track.lon * 1e5, track.lat * 1e5
    grid = Grid.around(x, y, 4_000.0, 1_000.0, 30)
    kernel_density(x, y, grid, grid.cell_m)  # narrow, as few birds' are
    residence_time_s(time_s, x, y, 2000.0)
    visits(time_s, x, y, (float(x[0]), float(y[0])), 2000.0)


def _smoothers(track: Track) -> None:
    """Run what Argos tracks need; any numbers will do."""
    walk, one = Walk(1000.0, 1.0), np.ones(len(track))[:, None, None] * np.eye(2)
    smooth(track, one, Noise("", "", "", walk, 1.0, 1.0, 3.0, 1.0))
    log_likelihood(track.time_us, np.column_stack((track.lon, track.lat)), one, walk)
    outlier_cleaner(track.time_us, track.lon, track.lat, 35.0)
    speed_angle_filter(track.time_us, track.lon, track.lat, np.full(len(track), "3"))
