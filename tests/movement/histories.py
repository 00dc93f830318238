"""Seeded histories of tags: deaths, dropped tags, winters at a roost, and gaps of cover."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from app.movement.itinerary import Path, Place
from app.movement.lifeless import find_lifeless
from app.movement.sensing import Sending, Sent, sense
from app.movement.simulate import simulate_flock
from app.movement.track import DAY_US, HOUR_US, SECOND_US, Senses, Track
from app.seeds import profiles, rows

START_US = 1_700_000_000 * SECOND_US
DAYS = 75
EVIDENCE_US = 9 * DAY_US
"""Seven days of the rule and 48 hours."""
METRES = 111_195.0
NO_SENSES = Senses(np.empty(0, np.int64), *np.empty((3, 0)))
SCHEDULES = (
    Sending(interval_s=600.0), Sending(interval_s=1800.0), Sending(), Sending(interval_s=7200.0),
    Sending(interval_s=14_400.0), Sending(interval_s=21_600.0),
    Sending(interval_s=3600.0, duty_on_h=10.0, duty_off_h=2.0),
)  # fmt: skip


@dataclass(frozen=True)
class History:
    """What a tag sent; `dead_us` is when it ceased to move, or None."""

    kind: str
    species_key: str
    track: Track
    senses: Senses
    dead_us: int | None


def history(kind: str, seed: int) -> History:
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    return {"death": death, "dropped": dropped, "roost": roost, "gap": gap}[kind](rng)


def _bird(rng: np.random.Generator, sending: Sending):
    places = [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")]
    keys = ("hooded_crane", "white_naped_crane", "red_crowned_crane", "black_faced_spoonbill")
    key = keys[rng.integers(len(keys))]
    start = START_US + int(rng.integers(0, 365)) * DAY_US
    flock = simulate_flock(
        [profiles()[key]], places, n_individuals=1, start_us=start, days=DAYS,
        seed=int(rng.integers(1 << 31)), sending=replace(sending, gaps_per_year=0.0),
    )  # fmt: skip
    return key, start, flock.birds[0]


def _still_from(path: Path, dead_us: int) -> Path:
    lon, lat = path.at(np.array([dead_us]))
    before = path.time_us < dead_us
    ends = np.array([dead_us, dead_us + 1000 * DAY_US])
    return Path(
        np.concatenate([path.time_us[before], ends]),
        np.concatenate([path.lon[before], lon, lon]), np.concatenate([path.lat[before], lat, lat]),
    )  # fmt: skip


def _stopped(kind: str, rng: np.random.Generator, *, worse: float) -> History:
    sending = SCHEDULES[rng.integers(len(SCHEDULES))]
    key, start, bird = _bird(rng, sending)
    dead_us = start + int(rng.uniform(5, DAYS - 10) * DAY_US)
    path = _still_from(bird.path, dead_us)
    # Evidence is what the tag sends: no silence of chance in it.
    sent = sense(path, (start, dead_us + EVIDENCE_US), replace(sending, gaps_per_year=0.0), rng)
    track, late = sent.track, sent.track.time_us >= dead_us
    # In the grass, or under its own bird, a tag sees less of the sky.
    shift = rng.standard_t(4, (2, len(track))) * worse * late / METRES
    track = Track(track.time_us, track.lon + shift[0], track.lat + shift[1], track.error_m)
    return History(kind, key, track, _senses(sent, dead_us, rng), dead_us)


def death(rng: np.random.Generator) -> History:
    return _stopped("death", rng, worse=6.0)


def dropped(rng: np.random.Generator) -> History:
    return _stopped("dropped", rng, worse=12.0)


def _senses(sent: Sent, dead_us: int | None, rng: np.random.Generator) -> Senses:
    """Half the tags report activity and temperature with every fix."""
    if rng.random() < 0.5:
        return NO_SENSES
    time_us = sent.track.time_us
    alive = time_us < (dead_us or 1 << 62)
    hour = (time_us + int(sent.track.lon[0] / 15 * HOUR_US)) % DAY_US / HOUR_US
    activity = np.where(alive, rng.gamma(2.0, 40.0, time_us.shape[0]), rng.gamma(1.0, 1.0, 1))
    ambient = 8.0 + 8.0 * np.sin((hour - 9) / 12 * np.pi)
    temperature = np.where(alive, 20.0 + 0.5 * ambient, ambient) + rng.normal(0, 2, hour.shape)
    return Senses(time_us, activity, temperature, np.full(time_us.shape[0], 3.9))


def _at_roost(rng: np.random.Generator, out_h: tuple[float, float], idle: float):
    """A path around one roost: out for some hours a day, not at all on idle days."""
    lon, lat = rng.uniform(110, 140), rng.uniform(25, 48)
    knots = [(0.0, 0.0, 0.0)]
    idle_days = 0
    for day in range(DAYS):
        if rng.random() < idle and idle_days < 3:
            idle_days += 1
            continue
        idle_days = 0
        leave = day * 24 + 7 + rng.uniform(0, 3) - lon / 15
        back = leave + rng.uniform(*out_h)
        home = knots[-1][1:]
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(500, 8000)
        field = (far * np.cos(angle), far * np.sin(angle))
        night = tuple(rng.normal(0, 15, 2))
        knots += [(leave, *home), (leave + 0.2, *field), (back - 0.2, *field), (back, *night)]
    at = np.array(knots)
    wide = METRES * np.cos(np.radians(lat))
    time = START_US + (at[:, 0] * HOUR_US).astype(np.int64)
    ends = np.array([START_US - 30 * DAY_US, START_US + (DAYS + 30) * DAY_US])
    pick = np.concatenate([[0], np.arange(len(at)), [len(at) - 1]])
    return Path(
        np.concatenate([ends[:1], time, ends[1:]]),
        lon + at[pick, 1] / wide, lat + at[pick, 2] / METRES,
    )  # fmt: skip


def roost(rng: np.random.Generator) -> History:
    """A winter in which most fixes are from one roost, some tags sending by night alone."""
    path = _at_roost(rng, (5.0, 9.0), idle=0.2)
    sending = SCHEDULES[rng.integers(len(SCHEDULES))]
    span = (START_US, START_US + DAYS * DAY_US)
    sent = sense(path, span, replace(sending, gaps_per_year=4.0), rng)
    kept = np.ones(len(sent.track), dtype=bool)
    if rng.random() < 0.4:  # a weak battery: few fixes by day
        hour = (sent.track.time_us / HOUR_US + sent.track.lon / 15) % 24
        kept = (hour < 8) | (hour > 17) | (rng.random(kept.shape) < 0.1)
    senses = _senses(sent, None, rng)
    return History("roost", "hooded_crane", sent.track.take(kept), senses, None)


def gap(rng: np.random.Generator) -> History:
    """A living bird that is silent for days to weeks, or out of cover whenever it leaves."""
    path = _at_roost(rng, (6.0, 11.0), idle=0.1)
    sending = SCHEDULES[rng.integers(len(SCHEDULES))]
    span = (START_US, START_US + DAYS * DAY_US)
    sent = sense(path, span, replace(sending, gaps_per_year=0.0), rng)
    time_us = sent.track.time_us
    kept = np.ones(len(sent.track), dtype=bool)
    if rng.random() < 0.5:  # cover at the roost alone
        lon, lat = path.at(time_us)
        kept = np.hypot(lon - lon[0], lat - lat[0]) < 0.002
    for _ in range(3):
        begin = START_US + int(rng.uniform(5, DAYS - 5) * DAY_US)
        kept &= (time_us < begin) | (time_us > begin + rng.uniform(1, 30) * DAY_US)
    senses = NO_SENSES if rng.random() < 0.7 else _senses(sent, None, rng)
    return History("gap", "white_naped_crane", sent.track.take(kept), senses, None)


def part(of: History, first_us: int, last_us: int) -> tuple[Track, Senses]:
    """What the tag had sent between two times."""
    track, senses = of.track, of.senses
    heard = (senses.time_us >= first_us) & (senses.time_us <= last_us)
    return (
        track.take((track.time_us >= first_us) & (track.time_us <= last_us)),
        Senses(*(getattr(senses, each.name)[heard] for each in fields(Senses))),
    )


def suspected(kind: str, seed: int) -> tuple[bool, bool]:
    """Say whether one that ceased to move is found, not before it did, and whether it was early."""
    told = history(kind, seed)
    profile = profiles()[told.species_key]
    assert told.dead_us is not None
    found, _ = find_lifeless(told.track, told.senses, profile)
    # No more than a night's rest before.
    hit = found is not None and found.start_us > told.dead_us - DAY_US
    alive = part(told, told.dead_us - 30 * DAY_US, told.dead_us - 1)
    early = len(alive[0]) > 0 and find_lifeless(*alive, profile)[0] is not None
    return hit, early or (found is not None and not hit)


def alarms(kind: str, seed: int) -> list[int]:
    """Return the days as of which a living bird is taken for dead."""
    told = history(kind, seed)
    profile = profiles()[told.species_key]
    out = []
    for day in range(8 + seed % 6, DAYS + 1, 6):
        last = START_US + day * DAY_US
        found, head = find_lifeless(*part(told, last - 12 * DAY_US, last), profile)
        if head:
            found, _ = find_lifeless(*part(told, 0, last), profile)
        if found is not None:
            out.append(day)
    return out
