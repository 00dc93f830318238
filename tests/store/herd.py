"""Rows of every noun at known places and times, and what a plain reader may see of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from app.store.audience import Audience
from app.store.sight import Box, Filters
from tests.store.flock import DAY, RELEASED, SPECIES, START, UNRELEASED, Flock, ref_of

OPERATOR = Audience("operator", exact=(1, 2))
OWNER = Audience("institute", 1, 1, exact=(1,), open=(2,))
PUBLIC = Audience("public", open=(2,))
NOBODY = Audience("public")
AUDIENCES = (OPERATOR, OWNER, PUBLIC, NOBODY)

BIRDS = {1: (1, "A"), 2: (1, "B"), 3: (2, "A"), 4: (2, "B")}
"""Study and name of each bird."""


@dataclass(frozen=True)
class Row:
    """One row of a noun, as the tests wrote it."""

    bird: int
    day: int
    season: str | None = "2020-spring"
    place: tuple[float, float] = (127.123456, 38.234567)
    released: bool = True
    withheld: bool = False
    more: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def study(self) -> int:
        return BIRDS[self.bird][0]

    @property
    def bird_ref(self) -> UUID:
        return ref_of("bird", *BIRDS[self.bird])

    @property
    def release_at(self) -> datetime:
        return RELEASED if self.released else UNRELEASED

    def at(self, days: float, *, exact: bool) -> datetime:
        """Give a time some days after the row's own day, as a reader sees it."""
        time = START + (self.day + days) * DAY
        return time if exact else midnight(time)

    def seen_by(self, audience: Audience) -> bool:
        if self.study in audience.exact:
            return True
        return self.study in audience.open and self.released and not self.withheld


def midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


ROWS = (
    Row(1, 0),
    Row(1, 20, "2020-autumn", (-179.95, 60.0)),
    Row(2, 5, None, (100.04, 10.0)),
    Row(3, 0),
    Row(3, 12, None, (179.94, 60.02)),
    Row(3, 40, withheld=True),
    Row(4, 9, "2020-autumn", (100.04, 10.0)),
    Row(4, 30, released=False),
)

BOXES = (
    None, None, Box(170, 50, -170, 70), Box(127, 38, 128, 39), Box(-180, -90, 180, 90),
    Box(-180, 59, -179, 61), Box(100.04, 10, 100.04, 10),
)  # fmt: skip

FILTERS = st.builds(
    Filters,
    species=st.sampled_from([None, None, SPECIES, "hooded_crane"]),
    individual=st.sampled_from([None, None, *(row.bird_ref for row in ROWS), ref_of("none")]),
    study=st.sampled_from([None, None, ref_of("study", "1"), ref_of("study", "2"), ref_of("none")]),
    season=st.sampled_from([None, None, "2020-spring", "2020-autumn", "1999-autumn"]),
    box=st.sampled_from(BOXES),
    time_from=st.none() | st.integers(-5, 50).map(lambda day: START + day * DAY),
    time_to=st.none() | st.integers(-5, 50).map(lambda day: START + day * DAY),
)

ASKED = st.lists(st.tuples(st.sampled_from(AUDIENCES), FILTERS), min_size=1, max_size=10)
"""What several readers ask one after another: connecting takes longer than asking."""


LEG_ENDS = ((127.654321, 38.765432), (115.1, 49.7))
OWN_LINE = "MULTILINESTRING((127.123456 38.234567,128.5 39.5))"
SECRET_LINE = "MULTILINESTRING((99.123456 9.654321,99.5 9.7))"
SCOPES = ("operator", "institute:1", "public")


def stopover_ref(row: Row) -> UUID:
    return ref_of("stopover", row.bird, row.day)


def season_of(row: Row) -> str:
    return row.season or f"2020-{row.day}"


def herd(dsn: str) -> Flock:
    """Give a private study 1 and an opened study 2 with two birds each, and all their rows."""
    flock = Flock(dsn)
    for number, visibility in ((1, "private"), (2, "open")):
        study = flock.study(flock.institute(f"institute {number}")[0], f"{number}", visibility)
        for name in "AB":
            flock.bird(study, name)
    for row in ROWS:
        whose, lon, lat = (row.study, row.bird), *row.place
        shown = (None, None) if row.withheld else (round(lon, 1), round(lat, 1))
        flock.stopover(
            *whose, row.day, lon=lon, lat=lat, season=row.season, release_at=row.release_at,
            public_lon=shown[0], public_lat=shown[1],
        )  # fmt: skip
        ends = dict(zip(("from_lon", "from_lat", "to_lon", "to_lat"), sum(LEG_ENDS, ()),
                        strict=True))  # fmt: skip
        flock.leg(
            *whose, row.day, season=row.season, release_at=row.release_at, **ends,
            line="MULTILINESTRING(({} {},{} {}))".format(*ends.values()),
        )  # fmt: skip
        if not row.withheld:  # a season has no place to withhold
            start = START + row.day * DAY
            flock.season(*whose, season_of(row), start_time=start, end_time=start + 10 * DAY,
                         release_at=row.release_at)  # fmt: skip
    for study, bird in ((1, 1), (1, 2), (2, 3)):
        for day in (0, 31):
            flock.track_part(study, bird, SECRET_LINE if study == 2 else OWN_LINE, day)
    flock.track_part(1, 1, "MULTILINESTRING((179 60,181 61))", 62, observed=False)
    for scope in SCOPES:
        _catalogue(flock, scope)
    return flock


def _catalogue(flock: Flock, scope: str) -> None:
    """Add a catalogue of three sites, with what two species fly between them."""
    sites = [
        flock.site(scope, f"{name} of {scope}", lon, 38.2, bird_days=days)
        for name, lon, days in (("A", 127.1, 1.0), ("B", 120.0, 2.0), ("C", -179.0, 3.0))
    ]
    flock.run(
        "insert into site_visit select %s, id from stopover where ref = %s",
        sites[0], stopover_ref(ROWS[3]),
    )  # fmt: skip
    flock.connection(scope, (sites[0], sites[1]), n_birds=5)
    flock.connection(scope, (sites[1], sites[0]), season="autumn")
    flock.connection(scope, (sites[0], sites[2]), species_key="hooded_crane")
    for level in (50, 95):
        flock.corridor(scope, level, area_km2=level * 10.0)


def within(box: Box | None, lon: float, lat: float) -> bool:
    if box is None:
        return True
    east = box.west <= lon <= box.east
    if box.west > box.east:
        east = lon >= box.west or lon <= box.east
    return east and box.south <= lat <= box.north


def chosen(rows: Iterable[Row], filters: Filters) -> list[Row]:
    """Keep the rows of the birds, studies and species asked for."""
    return [
        row
        for row in rows
        if filters.species in {None, SPECIES}
        and filters.individual in {None, row.bird_ref}
        and filters.study in {None, ref_of("study", str(row.study))}
    ]


def overlaps(filters: Filters, first: datetime, last: datetime) -> bool:
    return (filters.time_from is None or last >= filters.time_from) and (
        filters.time_to is None or first <= filters.time_to
    )


HOUR = timedelta(hours=1)
