"""A simulated flock: true stays and paths, and the fixes that GPS or Argos tags send of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from app.movement.itinerary import ROUTES, Path, Place, SimulationError, Stay, live
from app.movement.profile import Profile
from app.movement.sensing import Sending, Sent, sense
from app.movement.track import DAY_US, IntArray

STUDY_NAME = "Simulated demonstration flock"
FIELD_STOP_MIN_M = 600_000.0
"""Legs longer than this get a stopover outside every named site, shared by the route's birds."""


@dataclass(frozen=True, slots=True)
class SimulatedBird:
    """
    One simulated bird: what its tag sent, and the truth.

    Attributes
    ----------
    sent : Sent
        Fixes as sent, with the true positions and the marks of gross errors.
    stays : tuple of Stay
        True stays within the span, in time order.
    path : Path
        True path, gaps included.
    """

    local_identifier: str
    tag_identifier: str
    species_key: str
    scientific_name: str
    sensor: str
    sent: Sent
    stays: tuple[Stay, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Flock:
    """Simulated birds under one seed; the same arguments give the same flock, bit for bit."""

    seed: int
    start_us: int
    end_us: int
    birds: tuple[SimulatedBird, ...]


def simulate_flock(
    species: Sequence[Profile],
    sites: Sequence[Place],
    *,
    n_individuals: int,
    start_us: int,
    days: float,
    seed: int,
    sending: Sending | None = None,
) -> Flock:
    """
    Simulate birds that commute between real sites, and the fixes their tags send.

    Birds take the species in turn and each species' routes in turn. Within a site they roost,
    feed and walk inside the stop radius; between sites cranes fly by day and rest at night on
    the way, spoonbills fly through. Some legs hold a shared stopover at no named site.

    Parameters
    ----------
    species : sequence of Profile
        Each with season windows and a row in `itinerary.ROUTES`.
    sites : sequence of Place
        Rows of sites.csv; must hold every site the routes name.
    n_individuals : int
        Birds in all.
    start_us : int
        Start [microseconds since 1970-01-01 UTC].
    days : float
        Span [days].
    seed : int
        Seed of the generator; one child generator per bird, so birds don't affect each other.
    sending : Sending, optional
        Sensor, schedule, gaps, spikes and delays.

    Returns
    -------
    Flock
        Fixes sent and the truth.

    Raises
    ------
    SimulationError
        If a species has no route or no windows, or a route's site is not in `sites`.
    """
    if not species or n_individuals < 1 or days <= 0:
        raise SimulationError("ask for at least one species, one bird and a span above 0 days")
    sending = sending or Sending()
    end_us = start_us + int(days * DAY_US)
    rngs = np.random.default_rng(seed).spawn(n_individuals)
    routes = {p.key: _routes(p, sites, seed) for p in species}
    birds = []
    for i, rng in enumerate(rngs):
        profile, number = species[i % len(species)], i // len(species)
        route = routes[profile.key][number % len(routes[profile.key])]
        own = tuple(p for p in route if p.name or rng.random() < 0.7)
        stays, path = live(profile, own, start_us=start_us, end_us=end_us, rng=rng)
        birds.append(
            SimulatedBird(
                local_identifier=f"SIM-{_code(profile)}-{number + 1:02d}",
                tag_identifier=f"SIM{seed % 1000:03d}{i + 1:03d}",
                species_key=profile.key,
                scientific_name=profile.scientific_name,
                sensor=sending.sensor,
                sent=sense(path, (start_us, end_us), sending, rng),
                stays=stays,
                path=path,
            )
        )
    return Flock(seed, start_us, end_us, tuple(birds))


def _code(profile: Profile) -> str:
    return "".join(word[0] for word in profile.key.split("_")).upper()


def _routes(profile: Profile, sites: Sequence[Place], seed: int) -> list[tuple[Place, ...]]:
    """Look up the places of a species' routes and add the shared stopovers at no named site."""
    by_name = {site.name: site for site in sites}
    routes = []
    for r, names in enumerate(ROUTES.get(profile.key, ())):
        missing = [name for name in names if name not in by_name]
        if missing:
            raise SimulationError(f"sites lack {missing[0]!r}: give all rows of sites.csv")
        rng = np.random.default_rng([seed, r, sum(map(ord, profile.key))])
        routes.append(_with_field_stops([by_name[name] for name in names], rng))
    if not routes:
        raise SimulationError(f"no route is known for {profile.key!r}: add one to itinerary.ROUTES")
    return routes


def _with_field_stops(named: list[Place], rng: np.random.Generator) -> tuple[Place, ...]:
    geod = Geod(ellps="WGS84")
    route = named[:1]
    for place in named[1:]:
        azimuth, _, length_m = geod.inv(route[-1].lon, route[-1].lat, place.lon, place.lat)
        if length_m > FIELD_STOP_MIN_M:
            along_m = rng.uniform(0.4, 0.6) * length_m
            lon, lat, _ = geod.fwd(route[-1].lon, route[-1].lat, azimuth, along_m)
            route.append(Place("", float(lon), float(lat)))
        route.append(place)
    return tuple(route)


_FLOCK_HEADER = (
    "event-id,visible,timestamp,location-long,location-lat,argos:lc,argos:semi-major,"
    "argos:semi-minor,argos:orientation,location-error-numerical,sensor-type,"
    "individual-taxon-canonical-name,tag-local-identifier,individual-local-identifier,study-name"
)
_SENSOR_TYPE = {"gps": "gps", "argos": "argos-doppler-shift"}


def flock_csv(flock: Flock, *, uploaded_before_us: int | None = None) -> bytes:
    """
    Write the fixes as Movebank exports them (UTF-8, CRLF-free, UTC), in order of upload.

    Parameters
    ----------
    flock : Flock
        Birds to write.
    uploaded_before_us : int, optional
        Only fixes uploaded before this time [microseconds since 1970-01-01 UTC].

    Returns
    -------
    bytes
        Event data with Movebank's hyphen names; the error is one sigma [m].
    """
    rows: list[tuple[int, str]] = []
    for bird in flock.birds:
        rows.extend(zip(bird.sent.upload_us.tolist(), _fix_rows(bird), strict=True))
    rows.sort(key=lambda row: row[0])
    kept = (r for up, r in rows if uploaded_before_us is None or up < uploaded_before_us)
    lines = [_FLOCK_HEADER, *(f"{i},true,{row}" for i, row in enumerate(kept, start=1))]
    return ("\n".join(lines) + "\n").encode()


def _fix_rows(bird: SimulatedBird) -> Iterable[str]:
    track = bird.sent.track
    tail = ",".join(
        (_SENSOR_TYPE[bird.sensor], bird.scientific_name, bird.tag_identifier,
         bird.local_identifier, STUDY_NAME)
    )  # fmt: skip
    stamps = _stamps(track.time_us)
    lon, lat, error = track.lon.tolist(), track.lat.tolist(), track.error_m.tolist()
    if bird.sensor == "argos":
        rows = zip(
            stamps,
            lon,
            lat,
            bird.sent.argos_class.tolist(),
            *bird.sent.ellipse.T.tolist(),
            strict=True,
        )
        return [
            f"{t},{x:.5f},{y:.5f},{c},{a:.0f},{b:.0f},{o:.0f},,{tail}"
            for t, x, y, c, a, b, o in rows
        ]
    return [
        f"{t},{x:.7f},{y:.7f},,,,,{e:.1f},{tail}"
        for t, x, y, e in zip(stamps, lon, lat, error, strict=True)
    ]


def _stamps(time_us: IntArray) -> list[str]:
    texts = np.datetime_as_string(time_us.astype("datetime64[us]"), unit="ms")
    return [str(text).replace("T", " ") for text in texts]


def reference_csv(flock: Flock) -> bytes:
    """Write the deployments as Movebank's reference data: one row per bird, open-ended."""
    header = (
        "tag-id,animal-id,animal-taxon,deploy-on-date,deploy-off-date,animal-comments,"
        "deployment-id,manipulation-type,tag-manufacturer-name"
    )
    start = _stamps(np.array([flock.start_us]))[0]
    lines = [
        f"{b.tag_identifier},{b.local_identifier},{b.scientific_name},{start},,"
        f"Simulated bird; not an observation,{b.local_identifier}-{b.tag_identifier},none,Simulated"
        for b in flock.birds
    ]
    return ("\n".join([header, *lines]) + "\n").encode()
