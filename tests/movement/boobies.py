"""track2KBA's own example: 43 boobies of one colony, and what the program makes of them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from pyproj import Proj

from app.movement.geodesy import mean_position
from app.movement.keysites import Use, use_of
from app.movement.track import Track
from app.movement.trips import Colony, split_trips
from tests.movement import home_ranges

FOLDER = home_ranges.folder() / "track2KBA"
COLONY = Colony(-5.72638, -16.00711, 3_000.0, 10_000.0, 3_600.0)
SCALE_M = 3_130.0
SITE_KM2, REPRESENTATIVE, MOST = 571.193289767533, 98.3277232941228, 35


def table(name: str) -> pl.DataFrame:
    return pl.read_csv(gzip.decompress((FOLDER / f"{name}.csv.gz").read_bytes()))


@dataclass(frozen=True)
class Bird:
    """A track, and the fixes of its trips."""

    name: int
    track: Track
    trip: np.ndarray
    returns: np.ndarray


def birds() -> list[Bird]:
    found = []
    for (name,), rows in table("boobies_input").sort("ID", "DateTime").group_by(
        "ID", maintain_order=True
    ):  # fmt: skip
        time_us = np.rint(rows["DateTime"].to_numpy() * 1e6).astype(np.int64)
        lon, lat = (rows[c].to_numpy() for c in ("Longitude", "Latitude"))
        track = Track(time_us, lon, lat, np.full(len(rows), 10.0))
        trips = split_trips(track, COLONY)
        on = trips.of_fix > 0
        returns = trips.returns[trips.of_fix[on] - 1]
        found.append(Bird(int(str(name)), track.take(on), trips.of_fix[on], returns))
    return found


def uses(found: list[Bird]) -> dict[int, Use]:
    """Spread the fixes of the trips that ended, as the program's example does."""
    home = {b.name: b.track.take(b.returns) for b in found if b.returns.sum() >= 5}
    place = mean_position(*(np.concatenate([getattr(t, c) for t in home.values()])
                            for c in ("lon", "lat")))  # fmt: skip
    plane: Any = Proj(proj="laea", lon_0=place[0], lat_0=place[1], ellps="WGS84")
    return {
        name: use_of(*plane(t.lon, t.lat), np.ones(len(t)), SCALE_M) for name, t in home.items()
    }
