"""What is derived from fixes: a pure function of visible data, replaced window by window."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.store.tables.naming import (
    bird_columns,
    bird_key,
    geometry,
    instant,
    metadata,
    place_checks,
    place_columns,
    ref_column,
    study_column,
)


def _stay_columns() -> list[Column[object]]:
    return [
        instant("arrival_time_earliest"),
        instant("arrival_time_latest"),
        instant("departure_time_earliest"),
        instant("departure_time_latest"),
        Column("arrival_open", Boolean, nullable=False),
        Column("departure_open", Boolean, nullable=False),
        Column("n_fixes", Integer, nullable=False),
        *place_columns(),
        Column("radius_m", Double, nullable=False),
        Column("observed_s", Double, nullable=False),
        Column("max_gap_s", Double, nullable=False),
        instant("arrival_time_p05", null=True),
        instant("arrival_time", null=True),
        instant("arrival_time_p95", null=True),
        instant("departure_time_p05", null=True),
        instant("departure_time", null=True),
        instant("departure_time_p95", null=True),
    ]


def _public_columns() -> list[Column[object]]:
    """Return what the public may know of a row: null lon and lat mean withheld."""
    return [*place_columns("public_", null=True), instant("release_at")]


def _observed_columns() -> list[Column[object]]:
    """Return whether the track alone tells of a row, or an observer corrected it, and where."""
    return [
        Column("basis", String, nullable=False, server_default="track"),
        Column("observation_id", BigInteger, comment="the correction it follows"),
    ]


stay = Table(
    "stay",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *bird_columns(),
    *_stay_columns(),
    Column("hull", ARRAY(Double, dimensions=2), nullable=False, comment="lon, lat vertices"),
    bird_key(),
    UniqueConstraint("individual_id", "arrival_time_latest"),
    *place_checks(),
    comment="core stops; merged into stopovers over the whole life of the bird",
)

stopover = Table(
    "stopover",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    Column("species_key", String, nullable=False),
    *_stay_columns(),
    Column("duration_min_s", Double, nullable=False),
    Column("duration_max_s", Double, nullable=False),
    Column("centre", geometry("POINT"), nullable=False),
    Column("polygon", geometry("GEOMETRY"), nullable=False, comment="hull of the stays"),
    Column("n_stays", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("season", String),
    Column("seen_or_inferred", String, nullable=False),
    Column("area", String, comment="country or sea area of the boundary set"),
    Column("method", String, nullable=False),
    Column("parameters", String, nullable=False, comment="digest of the species profile used"),
    *_public_columns(),
    *_observed_columns(),
    Column("site_named", String, comment="by an observer"),
    bird_key(),
    UniqueConstraint("individual_id", "arrival_time_latest"),
    *place_checks(),
    *place_checks("public_"),
    CheckConstraint("arrival_time_latest < departure_time_earliest", name="order"),
    Index("ix_stopover_study", "study_id", "arrival_time_latest", "id"),
    Index("ix_stopover_centre", "centre", postgresql_using="gist"),
)

stop = Table(
    "stop",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    instant("start_time"),
    instant("end_time"),
    Column("ended", Boolean, nullable=False, comment="false: the data end within it"),
    Column("n_fixes", Integer, nullable=False),
    *place_columns(),
    bird_key(),
    UniqueConstraint("individual_id", "start_time"),
    *place_checks(),
    CheckConstraint("start_time <= end_time", name="order"),
    Index("ix_stop_study", "study_id", "start_time", "id"),
    comment="stops by the rule of MovingPandas, beside our own stopovers; medians as centres",
)

stop_state = Table(
    "stop_state",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    instant("through_time"),
    Column("state", LargeBinary, nullable=False, comment="movement.stops.StopState"),
    bird_key(),
    comment="where the detector of stops stands, so that new fixes are all it reads",
)

leg = Table(
    "leg",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    *bird_columns(),
    Column("species_key", String, nullable=False),
    instant("departure_time"),
    instant("arrival_time"),
    *place_columns("from_"),
    *place_columns("to_"),
    Column("season", String),
    Column("length_m", Double, nullable=False),
    Column("displacement_m", Double, nullable=False),
    Column("straightness", Double, nullable=False),
    Column("speed_max_m_s", Double, nullable=False),
    Column("observed_s", Double, nullable=False),
    Column("unobserved_s", Double, nullable=False),
    Column("unobserved_m", Double, nullable=False, server_default=text("0"),
           comment="part of length_m that crosses silences"),
    Column("n_fixes", Integer, nullable=False),
    Column("line", geometry("MULTILINESTRING"), comment="observed parts, generalised"),
    Column("method", String, nullable=False),
    Column("parameters", String, nullable=False),
    instant("release_at"),
    bird_key(),
    UniqueConstraint("individual_id", "departure_time"),
    Index("ix_leg_study", "study_id", "departure_time", "id"),
    comment="from the end of one stopover to the start of the next; ends are stopover centres",
)  # fmt: skip

season = Table(
    "season",
    metadata,
    *bird_columns(),
    Column("season", String, nullable=False),
    Column("species_key", String, nullable=False),
    instant("start_time"),
    instant("end_time"),
    *_observed_columns(),
    Column("confidence", Double, nullable=False),
    instant("release_at"),
    bird_key(),
    UniqueConstraint("individual_id", "season"),
)

track_part = Table(
    "track_part",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *bird_columns(),
    Column("species_key", String, nullable=False),
    Column("observed", Boolean, nullable=False),
    instant("time_first"),
    instant("time_last"),
    Column("n_fixes", Integer, nullable=False),
    Column("line", geometry("MULTILINESTRING"), nullable=False),
    Column("overview", geometry("MULTILINESTRING"), nullable=False, comment="for small scales"),
    bird_key(),
    UniqueConstraint("individual_id", "observed", "time_first"),
    Index("ix_track_part_study", "study_id", "time_first"),
    Index("ix_track_part_line", "line", postgresql_using="gist"),
    comment="generalised track by month; gaps over the limit are parts with observed = false",
)

smoothed_fix = Table(
    "smoothed_fix",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("time", DateTime(timezone=True), primary_key=True),
    study_column(),
    *place_columns(),
    Column("sd_major_m", REAL, nullable=False, comment="one standard deviation"),
    Column("sd_minor_m", REAL, nullable=False, comment="one standard deviation"),
    Column("orientation_deg", REAL, nullable=False, comment="of the major axis, from north"),
    Column("weight", REAL, nullable=False, comment="how far the fix was believed, 0 to 1"),
    Column("parameters", String, nullable=False, comment="row of noise.csv"),
    bird_key(),
    *place_checks(),
    comment="where a bird was at its visible Argos fixes, given all fixes around them",
)

public_fix = Table(
    "public_fix",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("time", DateTime(timezone=True), primary_key=True),
    study_column(),
    Column("species_key", String, nullable=False),
    *place_columns(),
    instant("release_at"),
    bird_key(),
    *place_checks(),
    Index("ix_public_fix_study", "study_id", "time"),
    comment="positions on the public grid, breeding and roost places left out, one a UTC hour",
)

density_cell = Table(
    "density_cell",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("public", Boolean, primary_key=True, comment="counted from public_fix"),
    Column("month", Date, primary_key=True, comment="its first day, UTC"),
    Column("level", SmallInteger, primary_key=True, comment="2^level columns around the world"),
    Column("x", Integer, primary_key=True),
    Column("y", Integer, primary_key=True),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("hours", Integer, nullable=False, comment="UTC hours in which the bird was here"),
    instant("release_at"),
    bird_key(),
    Index(
        "ix_density_cell_level",
        *("level", "x", "y", "individual_id"),
        postgresql_include=["study_id", "public", "species_key", "hours", "release_at"],
    ),
    comment="where birds are, counted in cells of the map's tiles, one position a UTC hour",
)

density_total = Table(
    "density_total",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, primary_key=True),
    Column("x", Integer, primary_key=True),
    Column("y", Integer, primary_key=True),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("hours", Integer, nullable=False),
    bird_key(),
    Index(
        "ix_density_total_level",
        *("level", "x", "y", "individual_id"),
        postgresql_include=["study_id", "species_key", "hours"],
    ),
    comment="the months of density_cell added up, of those that are not public",
)

latest_fix = Table(
    "latest_fix",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    Column("species_key", String, nullable=False),
    instant("time"),
    *place_columns(),
    bird_key(),
    *place_checks(),
)

recent = Table(
    "recent",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    Column("doing", String, nullable=False, comment="at the newest visible fix"),
    Column("interval_usual_s", Double, comment="median; null: heard of too seldom to tell"),
    Column("silence_usual_s", Double, comment="99 of 100 intervals are shorter"),
    Column("lag_p95_s", Double, comment="from a fix to its arrival"),
    Column("path_time", ARRAY(DateTime(timezone=True)), nullable=False,
           comment="last visible fix of each UTC hour of the last 7 days"),
    Column("path_m", ARRAY(Double), nullable=False, comment="way since the first of them"),
    bird_key(),
    CheckConstraint("doing in ('moving', 'stopover', 'roosting')", name="doing"),
    CheckConstraint("cardinality(path_time) > 0", name="path_time"),
    CheckConstraint("cardinality(path_time) = cardinality(path_m)", name="path_m"),
    comment="what a bird did of late, for the morning report",
)  # fmt: skip

_SCOPE = "public, operator or institute:<id>"

site = Table(
    "site",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    Column("scope", String, nullable=False, comment=_SCOPE),
    Column("simulated", Boolean, nullable=False),
    Column("key", String, nullable=False, comment="seed name, or the rounded centre"),
    Column("name", String, nullable=False),
    Column("named", Boolean, nullable=False),
    *place_columns(),
    Column("radius_m", Double, nullable=False),
    Column("area", String),
    Column("codes", String),
    Column("n_individuals", Integer, nullable=False),
    Column("n_stopovers", Integer, nullable=False),
    Column("bird_days", Double, nullable=False),
    Column("species_keys", ARRAY(String), nullable=False),
    instant("time_first"),
    instant("time_last"),
    UniqueConstraint("scope", "simulated", "key"),
    *place_checks(),
)

site_visit = Table(
    "site_visit",
    metadata,
    Column("site_id", ForeignKey("site.id", ondelete="CASCADE"), primary_key=True),
    Column("stopover_id", BigInteger, primary_key=True, autoincrement=False),
    Column("individual_id", Integer),
    instant("arrival_time", null=True),
    instant("departure_time", null=True),
    Index("ix_site_visit_stopover_id", "stopover_id"),
    comment="stopovers of when the catalogue was made; no foreign key, as one would have catalogues"
    " and derivations of birds wait for each other",
)

connection = Table(
    "connection",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("scope", String, nullable=False, comment=_SCOPE),
    Column("simulated", Boolean, nullable=False),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False, comment="spring, autumn or other"),
    Column("from_site_id", ForeignKey("site.id", ondelete="CASCADE")),
    Column("to_site_id", ForeignKey("site.id", ondelete="CASCADE")),
    Column("n_birds", Integer, nullable=False),
    Column("n_passages", Integer, nullable=False),
    Column("travel_days_median", Double, nullable=False),
    Column("distance_m", Double),
    Column("observed_share", Double, nullable=False),
    Index("ix_connection_scope", "scope", "simulated", "species_key"),
)

corridor = Table(
    "corridor",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("scope", String, nullable=False, comment=_SCOPE),
    Column("simulated", Boolean, nullable=False),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("n_birds", Integer, nullable=False),
    Column("area_km2", Double, nullable=False),
    Column("geom", geometry("MULTIPOLYGON"), nullable=False),
    UniqueConstraint("scope", "simulated", "species_key", "season", "level"),
    Index("ix_corridor_geom", "geom", postgresql_using="gist"),
    CheckConstraint("level in (50, 95)", name="level"),
    comment="where the birds of a flyway fly; made from observed parts of legs only",
)
