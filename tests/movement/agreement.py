"""
Stops against MovingPandas itself, on every shared set of GPS birds and on random tracks.

`make validate` compares every bird whole; the tests take three birds of each set. MovingPandas
measures the whole stop again at each fix, which takes minutes for a winter of fixes: what it said
of a track is kept in `.cache`, by the very fixes and the version asked, so that it is asked once.
"""

from __future__ import annotations

import gzip
import inspect
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import shapely

from app.movement import compat
from app.movement.stops import StopRule, centres, comparable, find_stops
from app.movement.track import HOUR_US
from ingest import UnreadablePush, decode, sniff
from tests.movement.section import Section, table

RULES = (
    StopRule(1_000.0, 3 * HOUR_US),
    StopRule(20_000.0, 24 * HOUR_US),
    StopRule(60_000.0, 24 * HOUR_US),
)
CENTRE_DEG = 1e-9
RANDOM_TRACKS = 10_000
RANDOM_FIXES = 400
"""Most fixes of a random track; half of the tracks have fewer than 28."""
PEERS = ("movingpandas", "geopandas", "shapely", "pyproj", "geopy", "geographiclib")
"""Packages that have a part in an answer of MovingPandas."""
KEPT = Path(__file__).parents[2] / ".cache" / "movingpandas.sqlite"
NOW_US = int(time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, 0))) * 1_000_000

Fixes = tuple[np.ndarray, ...]
Said = tuple[np.ndarray, np.ndarray]
Peer = Callable[[Fixes, StopRule], Said]


def ask(fixes: Fixes, rule: StopRule) -> Said:
    """Return first and last time of each stop that MovingPandas finds, and its centre."""
    return compat.peer_stops(*fixes, rule)


class Kept:
    """What MovingPandas said, by a digest of the fixes, the rule, and how and whom we asked."""

    def __init__(self, path: Path = KEPT) -> None:
        path.parent.mkdir(exist_ok=True)
        self._told = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._told.execute(
            "create table if not exists said (key blob primary key, stops blob, centre blob)"
        )
        peers = [version(name) for name in PEERS]
        self._whom = repr((peers, inspect.getsource(compat.peer_stops))).encode()

    def __call__(self, fixes: Fixes, rule: StopRule) -> Said:
        exact = (fixes[0].astype("<i8"), *(each.astype("<f8") for each in fixes[1:]))
        key = sha256(self._whom + repr(rule).encode() + b"".join(c.tobytes() for c in exact))
        found = self._told.execute(
            "select stops, centre from said where key = ?", [key.digest()]
        ).fetchone()
        if found is None:
            stops, centre = ask(fixes, rule)
            found = stops.astype("<i8").tobytes(), centre.astype("<f8").tobytes()
            self._told.execute(
                "insert or ignore into said values (?, ?, ?)", [key.digest(), *found]
            )
        stops, centre = np.frombuffer(found[0], dtype="<i8"), np.frombuffer(found[1], dtype="<f8")
        return stops.reshape(-1, 2), centre.reshape(-1, 2)


@dataclass
class Verdict:
    """What came of comparing some tracks."""

    peer: Peer = field(default=ask, repr=False)
    tracks: int = 0
    left_out: int = 0
    misread: int = 0
    fixes: int = 0
    stops: int = 0
    different: int = 0
    centre_deg: float = 0.0

    def add(self, fixes: Fixes, rule: StopRule) -> None:
        """Compare one track."""
        if not comparable(*fixes):
            self.left_out += 1
            return
        ours = find_stops(*fixes, rule)
        theirs, centre = self.peer(fixes, rule)
        if misread(fixes, ours, theirs):
            self.misread += 1
            return
        self.tracks += 1
        self.fixes += len(fixes[0])
        self.stops += len(theirs)
        if not np.array_equal(ours, theirs):
            self.different += 1
        elif len(ours):
            lon, lat, _ = centres(*fixes, ours)
            off = float(np.abs(np.column_stack([lon, lat]) - centre).max())
            self.centre_deg = max(self.centre_deg, off)

    @property
    def identical(self) -> bool:
        return self.different == 0 and self.centre_deg <= CENTRE_DEG


def misread(fixes: Fixes, ours: np.ndarray, theirs: np.ndarray) -> bool:
    """
    Tell whether the first stop that differs does so by a rectangle that leaves fixes outside.

    GEOS 3.14 draws such a one around some windows of more than fifty places that all hold, in
    another order, a rectangle as it should be; MovingPandas then takes a bird for stopped that
    has left by 80 km.
    """
    time_us, lon, lat = fixes
    for mine, other in zip(ours.tolist(), theirs.tolist(), strict=False):
        if mine == other:
            continue
        if mine[0] != other[0]:
            return False
        first, last = np.searchsorted(time_us, (mine[0], min(mine[1], other[1])))
        window = np.column_stack([lon, lat])[first : last + 2]  # the fix that one of both took in
        around = shapely.oriented_envelope(shapely.multipoints(window))
        return bool(shapely.distance(around, shapely.points(window)).max() > CENTRE_DEG)
    return False


def gps_sets(shared: Path) -> dict[str, list[Fixes]]:
    """Give the birds of every shared file of Movebank events with GPS fixes, longest first."""
    found: dict[str, list[Fixes]] = {}
    for path in sorted((shared / "telemetry").rglob("*.csv*")):
        birds = list(birds_of(path))
        if birds:
            found[path.name.removesuffix(".gz")] = sorted(birds, key=lambda b: -len(b[0]))
    return found


def birds_of(path: Path) -> Iterator[Fixes]:
    """Yield the GPS fixes of each bird of a file of Movebank events; of another file, nothing."""
    payload = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if sniff(payload) != "movebank-csv":
        return
    try:
        records = decode(payload, format="movebank-csv", now_us=NOW_US).records
    except UnreadablePush:
        return
    name = pl.coalesce("individual", "tag")
    shown = records.filter(
        (pl.col("sensor") == "gps") & pl.col("lon").is_not_null() & ~pl.col("marked_outlier")
    ).with_columns(name.alias("bird"))
    for (_,), bird in shown.group_by("bird", maintain_order=True):
        # MovingPandas keeps the last of equal times; the service shows one.
        fixes = bird.unique("time_us", keep="last").sort("time_us")
        yield (
            fixes["time_us"].cast(pl.Int64).to_numpy(),
            fixes["lon"].to_numpy(),
            fixes["lat"].to_numpy(),
        )


def wander(rng: np.random.Generator, n: int) -> Fixes:
    """Give a bird that rests, feeds around and flies on, its fixes as exact as a tag's."""
    time_us = np.cumsum(rng.integers(60, 7_200, n)) * 1_000_000
    flying = rng.random(n) < rng.choice([0.02, 0.1, 0.5])
    reach = rng.choice([0.0003, 0.003, 0.03])
    moved = np.where(flying[:, None], rng.normal(0, 0.2, (n, 2)), 0.0)
    if rng.random() < 0.5:
        moved += rng.normal(0, reach, (n, 2))  # drifts; else around the place it reached
        place = np.cumsum(moved, axis=0)
    else:
        place = np.cumsum(moved, axis=0) + rng.normal(0, reach, (n, 2))
    place = np.round(place, int(rng.choice([2, 4, 7])))
    return time_us, place[:, 0] + 120.0, np.clip(place[:, 1] + rng.uniform(-55, 70), -85, 85)


def roughen(rng: np.random.Generator, fixes: Fixes) -> Fixes:
    """Do to a track what tags do: repeat places and times, fall silent, and send gross errors."""
    time_us, lon, lat = (column.copy() for column in fixes)
    n = len(time_us)
    for _ in range(int(rng.integers(0, 4))):  # the tag sends its last place again
        a = int(rng.integers(0, n))
        b = a + int(rng.integers(1, 6))
        lon[a:b], lat[a:b] = lon[a], lat[a]
    for _ in range(int(rng.integers(0, 3))):  # silences of hours to months
        time_us[int(rng.integers(0, n)) :] += int(10 ** rng.uniform(4, 7)) * 1_000_000
    bad = rng.random(n) < rng.choice([0.0, 0.01, 0.1])
    lon[bad] = lon[bad] + rng.normal(0, 5.0, int(bad.sum()))
    lat[bad] = np.clip(lat[bad] + rng.normal(0, 5.0, int(bad.sum())), -85, 85)
    # Of fixes at one time the service shows one, and MovingPandas keeps the last.
    twice = np.flatnonzero(rng.random(n - 1) < rng.choice([0.0, 0.02]))
    time_us[twice] = time_us[twice + 1]
    last = np.append(np.diff(time_us) > 0, True)
    return time_us[last], lon[last], lat[last]


def a_rule(rng: np.random.Generator) -> StopRule:
    """Give some rule that an ecologist might set."""
    return StopRule(
        float(rng.choice([300.0, 1_000.0, 5_000.0, 20_000.0, 60_000.0])),
        int(rng.choice([1, 3, 12, 24, 60]) * HOUR_US),
    )


def of_birds(peer: Peer) -> dict[str, Verdict]:
    """Compare every bird of every shared set, whole, at three settings."""
    shared = Path(os.environ.get("FLYWAYS_TEST_DATA", "../shared/data"))
    verdicts: dict[str, Verdict] = {}
    for name, birds in gps_sets(shared).items():
        for rule in RULES:
            said = f"{name}, {rule.max_diameter_m / 1000:g} km {rule.min_duration_us / HOUR_US:g} h"
            verdict = verdicts[said] = Verdict(peer)
            for fixes in birds:
                verdict.add(fixes, rule)
    return verdicts


def of_random_tracks(peer: Peer, tracks: int = RANDOM_TRACKS) -> Verdict:
    """Compare random tracks, short ones as often as long ones, each by a random rule."""
    verdict = Verdict(peer)
    rng = np.random.default_rng(20261123)
    while verdict.tracks < tracks:
        n = int(2.0 * (RANDOM_FIXES / 2.0) ** rng.random())
        verdict.add(roughen(rng, wander(rng, n)), a_rule(rng))
    return verdict


def stops() -> Section:
    """Compare everything; a stop that differs breaks a promise."""
    peer = Kept()
    verdicts = of_birds(peer) | {"random tracks and rules": of_random_tracks(peer)}
    rows = [
        [said, f"{v.tracks:,}", f"{v.fixes:,}", f"{v.stops:,}", v.different, f"{v.centre_deg:.0e}",
         v.left_out, v.misread]
        for said, v in verdicts.items()
    ]  # fmt: skip
    text = f"""`method=movingpandas` gives the stops of MovingPandas' TrajectoryStopDetector: the
same start and end of every stop. Compared on every fix of every bird of every shared set, and
on {RANDOM_TRACKS:,} random tracks of 2 to {RANDOM_FIXES} fixes with repeated places and times,
silences and gross errors. Tracks that MovingPandas can't take are left out and counted, and so
are those that it misreads because GEOS {shapely.geos_version_string}, which it asks, draws a
smallest rectangle that leaves fixes outside: that is looked up for each.

{
        table(
            [
                "tracks",
                "number",
                "fixes",
                "stops",
                "that differ",
                "centres within [degrees]",
                "left out",
                "misread",
            ],
            rows,
        )
    }
"""
    holds = all(each.identical for each in verdicts.values())
    return Section("Stops of MovingPandas", text, holds=holds)
