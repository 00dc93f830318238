"""Where birds flew on each leg, the lines of a flyway, and how birds used where they stayed."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
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
