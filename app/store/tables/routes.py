"""Where birds flew on each leg, the lines of a flyway, and how birds used where they stayed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.store.tables.naming import bird_key, geometry, instant, metadata, study_column

way = Table(
    "way",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("departure_time", DateTime(timezone=True), primary_key=True, comment="of its leg"),
    Column("public", Boolean, primary_key=True, comment="by public_fix"),
    study_column(),
    instant("arrival_time"),
    Column("positions", LargeBinary, nullable=False, comment="float64 lon, lat, time [us]"),
    Column("cells", LargeBinary, nullable=False, comment="float32 lon, lat, length [m]"),
    bird_key(),
    comment="one leg by Brownian bridges: how far a bird flew in which cells; what corridors are"
    " made of. The public reads it when the leg is released",
)

flyway_line = Table(
    "flyway_line",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("scope", String, nullable=False, comment="public, operator or institute:<id>"),
    Column("simulated", Boolean, nullable=False),
    Column("species_key", String, nullable=False),
    Column("season", String, nullable=False),
    Column("part", String, nullable=False),
    Column("n_birds", Integer, nullable=False),
    Column("n_passages", Integer, nullable=False, comment="whole migrations, or silences"),
    Column("length_m", Double),
    Column("width_50_m", ARRAY(Double), comment="at equal fractions of the route"),
    Column("width_95_m", ARRAY(Double)),
    Column("geom", geometry("MULTILINESTRING"), nullable=False),
    UniqueConstraint("scope", "simulated", "species_key", "season", "part"),
    CheckConstraint("part in ('route', 'unobserved')", name="part"),
    comment="the mean route of a flyway, and the silences that nothing of it is made of",
)

stay_range = Table(
    "stay_range",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("arrival_time", DateTime(timezone=True), primary_key=True, comment="of its stopover"),
    study_column(),
    instant("departure_time"),
    Column("species_key", String, nullable=False),
    Column("roost_lon", ARRAY(Double), nullable=False, comment="by nights, most first"),
    Column("roost_lat", ARRAY(Double), nullable=False),
    Column("roost_nights", ARRAY(Integer), nullable=False),
    Column("day_range_m", ARRAY(Double), nullable=False, comment="of each day"),
    Column("to_feeding_m", ARRAY(Double), nullable=False, comment="of each day"),
    Column("hull_km2", Double, nullable=False),
    Column("area_50_km2", Double, comment="kernel density of the reference bandwidth"),
    Column("area_95_km2", Double),
    Column("version", String, nullable=False),
    bird_key(),
    comment="how a bird used the place of a stopover; roosts are for its owners alone",
)

stay_cover = Table(
    "stay_cover",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("arrival_time", DateTime(timezone=True), primary_key=True, comment="of its stopover"),
    Column("layer_id", ForeignKey("layer.id"), primary_key=True),
    Column("class_id", BigInteger, primary_key=True, comment="-1: outside every class"),
    study_column(),
    Column("share", Double, nullable=False, comment="of the polygon of the stopover, by area [1]"),
    bird_key(),
    Index("ix_stay_cover_layer", "layer_id", "study_id"),
    comment="what each class takes of the ground of a stopover; for its owners alone",
)
