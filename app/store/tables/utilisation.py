"""Where each bird spent its seasons, as areas, and which birds wait for theirs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    String,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.naming import (
    bird_key,
    geometry,
    instant,
    metadata,
    now_column,
    study_column,
)

utilisation = Table(
    "utilisation",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("season", String, primary_key=True, comment="id of the season, or all: a resident's"),
    Column("method", String, primary_key=True, comment="kde, akde, bb or dbb"),
    Column("level", SmallInteger, primary_key=True, comment="share of the time within [%]"),
    study_column(),
    Column("species_key", String, nullable=False),
    instant("start_time"),
    instant("end_time"),
    Column("area_km2", Double, nullable=False),
    Column("area_low_km2", Double),
    Column("area_high_km2", Double),
    Column("n_fixes", Integer, nullable=False),
    Column("n_effective", Double),
    Column("unobserved_s", Double, nullable=False),
    Column("version", String, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("geom", geometry("MULTIPOLYGON"), nullable=False),
    bird_key(),
    CheckConstraint("method in ('kde', 'akde', 'bb', 'dbb')", name="method"),
    CheckConstraint("level between 1 and 99", name="level"),
    comment="areas that hold a share of a bird's time; of exact fixes, so for its owners alone",
)

utilisation_due = Table(
    "utilisation_due",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    instant("from_time"),
    instant("to_time"),
    now_column("since_at"),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", String),
    instant("dead_at", null=True),
    ForeignKeyConstraint(["study_id", "individual_id"], ["individual.study_id", "individual.id"]),
    comment="birds whose areas are to be measured again, and the span that changed",
)
