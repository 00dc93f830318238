"""
What an audience sees of each table. Every read of derived data starts from a relation here.

Rows of its own studies are seen as they are, rows of opened studies only through the released,
generalised columns. A relation is a subquery with two branches (binds :exact and :open). Filters
act on its columns, which are the shown values, so that no filter, count, order or extent can tell
more than a row does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.movement.profile import GAP_MAX_S
from app.store.audience import RELEASED, Audience

STOP_PARAMETERS = "1 km, 3 h"
"""The rule of `movement.stops.StopRule` in words; a test holds them equal."""

DISTANCE_STEP_M = 10_000
"""Step to which the public reads lengths of legs [m]: about one cell of the 0.1 degree grid."""

GROUP_MIN = 3
"""Fewest birds of opened studies that an aggregate may stand for: k-anonymity with k = 3."""


def _day(column: str) -> str:
    """Return the UTC day of a time: what the public reads instead of the time itself."""
    return f"date_trunc('day', {column}, 'UTC')"


def _duration_s(start: str, end: str) -> str:
    return f"greatest(extract(epoch from {_day(end)} - {_day(start)}), 0)::float8"


def point(lon: str, lat: str) -> str:
    """Return the SQL of a WGS 84 point."""
    return f"st_setsrid(st_makepoint({lon}, {lat}), 4326)"


WITH_BIRD = "join individual i on i.id = x.individual_id join study s on s.id = x.study_id"
"""SQL: rows `x` with the bird `i` and the study `s` they belong to, as `Where` wants them."""


CUT_AT = "180.00000000123"
"""Where areas are cut [degrees]: a hair past 180, as PostGIS can't cut along a piece of an outline
that lies on the cut itself."""


def cut(shape: str) -> str:
    """
    Return the SQL of a shape cut at the antimeridian.

    A shape wider than half the globe runs across it: no bird's month is that wide. Relations with
    lines cut theirs: the box of one that is not cut leaves out its ends, where a filter looks.
    """
    # Back on the grid of the output: the hair between 180 and the cut is no piece of its own.
    wrapped = f"st_wrapx(st_shiftlongitude({shape}), {CUT_AT}, -360)"
    area = f"st_collectionextract(st_snaptogrid({wrapped}, 1e-7))"
    return (
        f"case when coalesce(st_xmax({shape}) - st_xmin({shape}), 0) <= 180 then {shape}"
        f" when st_dimension({shape}) = 1 then cut_line({shape}) else {area} end"
    )


STOPOVER = f"""(
select id, ref, individual_id, study_id, species_key, true as exact,
  arrival_time_earliest, arrival_time_latest, departure_time_earliest, departure_time_latest,
  arrival_time_p05, arrival_time, arrival_time_p95,
  departure_time_p05, departure_time, departure_time_p95,
  arrival_open, departure_open, duration_min_s, duration_max_s, n_fixes, lon, lat,
  centre as shape, radius_m, polygon, kind, season, seen_or_inferred, area, method, parameters,
  basis, site_named, observation_id
from stopover where study_id = any(:exact)
union all
select id, ref, individual_id, study_id, species_key, false,
  {_day("arrival_time_earliest")}, {_day("arrival_time_latest")},
  {_day("departure_time_earliest")}, {_day("departure_time_latest")},
  {_day("arrival_time_p05")}, {_day("arrival_time")}, {_day("arrival_time_p95")},
  {_day("departure_time_p05")}, {_day("departure_time")}, {_day("departure_time_p95")},
  arrival_open, departure_open,
  {_duration_s("arrival_time_latest", "departure_time_earliest")},
  {_duration_s("arrival_time_earliest", "departure_time_latest")},
  null, public_lon, public_lat, {point("public_lon", "public_lat")}, null, null,
  kind, season, seen_or_inferred, area, method, parameters, basis, null, null
from stopover
where study_id = any(:open) and public_lon is not null and public_lat is not null and {RELEASED}
)"""


STOP = f"""(
select null::bigint as id, p.ref, p.individual_id, p.study_id, b.species_key, true as exact,
  p.start_time as arrival_time_earliest, p.start_time as arrival_time_latest,
  p.end_time as departure_time_earliest, p.end_time as departure_time_latest,
  null::timestamptz as arrival_time_p05, null::timestamptz as arrival_time,
  null::timestamptz as arrival_time_p95, null::timestamptz as departure_time_p05,
  null::timestamptz as departure_time, null::timestamptz as departure_time_p95,
  false as arrival_open, not p.ended as departure_open,
  extract(epoch from p.end_time - p.start_time)::float8 as duration_min_s,
  extract(epoch from p.end_time - p.start_time)::float8 as duration_max_s,
  p.n_fixes, p.lon, p.lat, {point("p.lon", "p.lat")} as shape, null::float8 as radius_m,
  null::geometry as polygon, 'unknown' as kind, null as season, 'seen' as seen_or_inferred,
  null as area, 'movingpandas' as method, '{STOP_PARAMETERS}' as parameters,
  'track' as basis, null as site_named, null::bigint as observation_id
from stop p join individual b on b.id = p.individual_id where p.study_id = any(:exact)
)"""
"""Stops by the rule of MovingPandas, of own studies alone: the rule needs the fixes as they are,
and on the public grid it would find other stops."""


SEASON_USE = f"""(
select individual_id, study_id, species_key, season, true as exact, n_hours, unobserved_s, cells
from season_use where study_id = any(:exact) and not public
union all
select individual_id, study_id, species_key, season, false, n_hours, unobserved_s, cells
from season_use where study_id = any(:open) and public and {RELEASED}
)"""
"""Hours by cell of a season; of opened studies those at their public places."""


UTILISATION = "(select * from utilisation where study_id = any(:exact))"
"""Areas of own studies alone: their outlines show where a bird bred and roosted, and on the public
grid they would be other areas."""


def _end_is_public(prefix: str) -> str:
    return (
        "exists (select from stopover s where s.individual_id = leg.individual_id"
        f" and s.lon = leg.{prefix}_lon and s.lat = leg.{prefix}_lat"
        " and s.public_lon is not null and s.public_lat is not null"
        f" and s.{RELEASED})"
    )


def _rough(column: str) -> str:
    """Return a length in coarse steps, and none where an end is withheld: circles would cross."""
    return (
        f"case when {_end_is_public('from')} and {_end_is_public('to')}"
        f" then round({column} / {DISTANCE_STEP_M}) * {DISTANCE_STEP_M} end"
    )


_STRAIGHT = f"st_makeline({point('from_lon', 'from_lat')}, {point('to_lon', 'to_lat')})"

LEG = f"""(
select ref, individual_id, study_id, species_key, true as exact, departure_time, arrival_time,
  from_lon, from_lat, to_lon, to_lat, season, length_m, displacement_m, straightness,
  speed_max_m_s, observed_s, unobserved_s, n_fixes,
  coalesce(line, {cut(_STRAIGHT)}) as shape,
  line, method, parameters
from leg where study_id = any(:exact)
union all
select ref, individual_id, study_id, species_key, false, {_day("departure_time")},
  {_day("arrival_time")}, null, null, null, null, season, {_rough("length_m")},
  {_rough("displacement_m")}, null, null, null, null, null, null, null, method, parameters
from leg where study_id = any(:open) and {RELEASED}
)"""

SEASON = f"""(
select individual_id, study_id, species_key, true as exact, season, start_time, end_time, basis,
  confidence, observation_id
from season where study_id = any(:exact)
union all
select individual_id, study_id, species_key, false, season, {_day("start_time")},
  {_day("end_time")}, basis, confidence, null
from season where study_id = any(:open) and {RELEASED}
)"""

PRESENCE = f"""(
select distinct individual_id, study_id, species_key, study_id = any(:exact) as exact, season
from presence_day where study_id = any(:exact) or study_id = any(:open) and {RELEASED}
)"""
"""Seasons in which a bird spent days that products sum up."""

POSITION = f"""(
select individual_id, study_id, species_key, true as exact, time, lon, lat,
  {point("lon", "lat")} as shape
from latest_fix where study_id = any(:exact)
union all
select i.id, i.study_id, last.species_key, false, last.time, last.lon, last.lat,
  {point("last.lon", "last.lat")}
from individual i cross join lateral (
  select species_key, time, lon, lat from public_fix p
  where p.individual_id = i.id and {RELEASED} order by p.time desc limit 1
) as last
where i.study_id = any(:open)
)"""


TRACK_EXACT = """
select individual_id, study_id, species_key, true as exact, observed, time_first, time_last,
  n_fixes, line as shape, overview
from track_part where study_id = any(:exact)
"""

TRACK_OPEN = f"""
select individual_id, study_id, species_key, false as exact, observed, time_first, time_last,
  n_fixes, {cut("line")} as shape, line as overview
from (
  with seen as (
    select p.individual_id, p.study_id, p.species_key, p.time, {point("p.lon", "p.lat")} as place
    from public_fix p join individual i on i.id = p.individual_id
    where p.study_id = any(:open) and p.{RELEASED} %(narrowed)s
  ), stepped as (
    select *, lag(time) over bird as time_before, lag(place) over bird as place_before
    from seen window bird as (partition by individual_id order by time)
  ), joined as (
    select *, coalesce(time - time_before <= interval '{GAP_MAX_S:.0f} s', false) as follows
    from stepped
  ), numbered as (
    select *, count(*) filter (where not follows)
      over (partition by individual_id order by time) as run
    from joined
  )
  select individual_id, study_id, species_key, true as observed,
    min(case when follows then time_before else time end) as time_first,
    max(time) as time_last, count(*)::int as n_fixes,
    st_makeline(array_prepend(
      (array_agg(case when follows then place_before end order by time))[1],
      array_agg(place order by time))) as line
  from numbered
  group by individual_id, study_id, species_key, run, date_trunc('month', time, 'UTC')
  union all
  select individual_id, study_id, species_key, false, time_before, time, 0,
    st_makeline(place_before, place)
  from joined where not follows and time_before is not null
) as parts
where st_length(line) > 0
"""
"""Lines of opened studies, drawn from their public positions alone, by month as `track_part` is;
a bird that stays in one cell of the grid has no line. `narrowed` are conditions on the bird."""


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees; west > east crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Return the one or two ranges of longitude the box covers."""
        if self.west <= self.east:
            return [(self.west, self.east)]
        return [(self.west, 180.0), (-180.0, self.east)]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a caller asks for; None leaves a filter out."""

    species: str | None = None
    individual: UUID | None = None
    study: UUID | None = None
    season: str | None = None
    box: Box | None = None
    time_from: datetime | None = None
    time_to: datetime | None = None
    simulated: bool | None = None


@dataclass(slots=True)
class Where:
    """Conditions and their bound values, built up filter by filter."""

    values: dict[str, Any]
    conditions: list[str] = field(default_factory=list)

    @property
    def sql(self) -> str:
        """Return the conditions joined, `true` when there is none."""
        return " and ".join(self.conditions) or "true"

    def add(self, condition: str, **values: Any) -> Where:
        """Add one condition with its values."""
        self.conditions.append(condition)
        self.values.update(values)
        return self

    def birds(self, filters: Filters, *, species: str = "x.species_key") -> Where:
        """Narrow to species, individual, study and kind of study (tables i and s are joined)."""
        if filters.species is not None:
            self.add(f"{species} = :species", species=filters.species)
        if filters.individual is not None:
            self.add("i.ref = :individual", individual=filters.individual)
        if filters.study is not None:
            self.add("i.study_id = (select id from study where ref = :study)", study=filters.study)
        if filters.simulated is not None:
            self.add("s.simulated = :simulated", simulated=filters.simulated)
        return self

    def times(self, filters: Filters, first: str, last: str) -> Where:
        """Keep what overlaps the interval, both ends included."""
        if filters.time_from is not None:
            self.add(f"{last} >= :time_from", time_from=filters.time_from)
        if filters.time_to is not None:
            self.add(f"{first} <= :time_to", time_to=filters.time_to)
        return self

    def season(self, filters: Filters, column: str = "x.season") -> Where:
        """Keep rows of one season."""
        if filters.season is not None:
            self.add(f"{column} = :season", season=filters.season)
        return self

    def in_season(self, filters: Filters, first: str, last: str) -> Where:
        """Keep what overlaps the time the bird itself spent in the season."""
        if filters.season is not None:
            self.add(
                f"exists (select from {SEASON} as own where own.individual_id = x.individual_id"
                f" and own.season = :season and own.start_time <= {last}"
                f" and own.end_time > {first})",
                season=filters.season,
            )
        return self

    def box(self, filters: Filters, shape: str = "x.shape") -> Where:
        """Keep what meets the box; the index is asked first, then the exact geometry."""
        if filters.box is None:
            return self
        self.values.update(south=filters.box.south, north=filters.box.north)
        spans = []
        for number, (west, east) in enumerate(filters.box.spans):
            self.values |= {f"west{number}": west, f"east{number}": east}
            # ST_MakeEnvelope would make a polygon of no width, which meets nothing; a line does.
            ends = f"st_point(:west{number}, :south, 4326), st_point(:east{number}, :north, 4326)"
            area = f"st_envelope(st_makeline({ends}))"
            spans.append(f"({shape} && {area} and st_intersects({cut(shape)}, {area}))")
        return self.add(f"({' or '.join(spans)})")

    def after(self, columns: Mapping[str, str], key: Sequence[Any] | None) -> Where:
        """Go on after the last row of the page before; columns map an expression to its type."""
        if key is not None:
            names = [f"key{number}" for number in range(len(columns))]
            self.values |= dict(zip(names, key, strict=True))
            casts = (
                f"cast(:{name} as {kind})"
                for name, kind in zip(names, columns.values(), strict=True)
            )
            self.add(f"({', '.join(columns)}) > ({', '.join(casts)})")
        return self


def where(audience: Audience) -> Where:
    """Start the conditions of a read: the audience comes first."""
    return Where(dict(audience.sql))
