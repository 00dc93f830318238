"""Compile every kernel once and keep the code, so that no first push waits for a compiler."""

from __future__ import annotations

import numpy as np

from app.movement.itinerary import ROUTES, Place
from app.movement.methods import METHODS
from app.movement.profile import Profile
from app.movement.screening import screen
from app.movement.simulate import simulate_flock
from app.movement.stopovers import find_stays, merge_stays
from app.movement.stops import StopRule
from app.movement.stops import find_stops as find_peer_stops
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
    find_peer_stops(track.time_us, track.lon, track.lat, StopRule())
    shown = track.take(kept)
    for method in METHODS:
        utilise(shown, method)
    return len(merge_stays(find_stays(shown, profile), profile))
