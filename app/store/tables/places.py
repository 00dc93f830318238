"""Key sites and what they are made of; what became of sites; what observers counted at them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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
    Uuid,
    text,
)

from app.store.tables.naming import (
    bird_key,
    geometry,
    instant,
    metadata,
    now_column,
    ref_column,
    study_column,
)

_SCOPE = "public, operator or institute:<id>"


def _catalogue_columns() -> list[Column[object]]:
    return [
        Column("scope", String, nullable=False, comment=_SCOPE),
        Column("simulated", Boolean, nullable=False),
    ]


season_use = Table(
    "season_use",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("season", String, primary_key=True, comment="id of the season, or all: a resident's"),
    Column("public", Boolean, primary_key=True, comment="counted from public_fix"),
    study_column(),
    Column("species_key", String, nullable=False),
    instant("start_time"),
    instant("end_time"),
    Column("n_hours", Integer, nullable=False, comment="UTC hours with a position"),
    Column("unobserved_s", Double, comment="null for public places: nights are withheld"),
    Column("cells", LargeBinary, nullable=False, comment="int32 triples x, y, hours of level 15"),
    instant("release_at"),
    bird_key(),
    Index("ix_season_use_study", "study_id"),
    comment="hours of a bird's season by cell; what key sites are made of",
)

key_sample = Table(
    "key_sample",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    *_catalogue_columns(),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False, comment="kind of season, over all years"),
    Column("n_birds", Integer, nullable=False),
    Column("representativeness", Double, comment="[%]; null where birds are too few to judge"),
    Column("asymptote", Double),
    Column("sufficient", Boolean, nullable=False),
    Column("birds_exceeded", Double, nullable=False),
    Column("scale_m", Double, nullable=False),
    Column("observed_days", Double, nullable=False),
    Column("unobserved_days", Double),
    Column("version", String, nullable=False),
    UniqueConstraint("scope", "simulated", "species_key", "season"),
)

key_site = Table(
    "key_site",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    *_catalogue_columns(),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False),
    Column("number", Integer, nullable=False, comment="from the largest"),
    Column("area", String),
    Column("area_km2", Double, nullable=False),
    Column("n_birds", Integer, nullable=False, comment="birds whose core areas meet it"),
    Column("n_birds_max", Integer, nullable=False, comment="most birds in one cell"),
    Column("geom", geometry("MULTIPOLYGON"), nullable=False),
    UniqueConstraint("scope", "simulated", "species_key", "season", "number"),
)

species_use = Table(
    "species_use",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    *_catalogue_columns(),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False, comment="kind of season, over all years"),
    Column("level", SmallInteger, nullable=False, comment="share of the time within [%]"),
    Column("area_km2", Double, nullable=False),
    Column("share_told", Double, nullable=False, comment="of the birds' time; the rest is others'"),
    Column("geom", geometry("MULTIPOLYGON"), nullable=False),
    UniqueConstraint("scope", "simulated", "species_key", "season", "level"),
    comment="areas that hold a share of the mean bird's time",
)

key_site_due = Table(
    "key_site_due",
    metadata,
    Column("scope", String, primary_key=True, comment=_SCOPE),
    Column("simulated", Boolean, primary_key=True),
    now_column("since_at"),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", String),
    instant("dead_at", null=True),
    comment="catalogues whose key sites are to be found again",
)

site_change = Table(
    "site_change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *_catalogue_columns(),
    Column("kind", String, nullable=False),
    Column("from_ref", Uuid, nullable=False),
    Column("from_name", String, nullable=False),
    Column("to_ref", Uuid),
    Column("to_name", String),
    Column("shared_days", Double, nullable=False, comment="bird-days that went over"),
    now_column("changed_at"),
    CheckConstraint("kind in ('merged', 'split', 'ended')", name="kind"),
    Index("ix_site_change_from", "from_ref"),
    Index("ix_site_change_to", "to_ref"),
    comment="sites that gave their stays to others: append-only; ended has no successor",
)

site_count = Table(
    "site_count",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    ref_column(),
    Column("institute_id", ForeignKey("institute.id"), comment="null: the operator"),
    Column("open", Boolean, nullable=False, comment="everybody may read it"),
    Column("site_ref", Uuid, nullable=False, comment="as its author knew the site"),
    Column("site_name", String, comment="of a named site, which all catalogues share"),
    Column("date", Date, nullable=False),
    Column("species_key", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column("method", String, nullable=False),
    Column("source", String, nullable=False),
    Column("note", String, nullable=False, server_default=""),
    Column("counted_by", String, nullable=False),
    now_column("recorded_at"),
    Column("recorded_by", String, nullable=False),
    instant("retracted_at", null=True),
    Column("retracted_by", String),
    CheckConstraint("n >= 0", name="n"),
    Index("ix_site_count_site_ref", "site_ref"),
    Index("ix_site_count_site_name", "site_name"),
    comment="counts entered by observers: append-only, taken back and never changed",
)
