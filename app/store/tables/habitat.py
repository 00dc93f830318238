"""Layers of land, and the days that birds spent in their classes."""

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
    String,
    Table,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.store.tables.naming import (
    bird_key,
    geometry,
    instant,
    metadata,
    now_column,
    ref_column,
    study_column,
)

layer = Table(
    "layer",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    ref_column(),
    Column("study_id", ForeignKey("study.id"), comment="null: part of the service"),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("classes", JSONB, nullable=False, comment="names by class id"),
    Column("cell_size_m", Double),
    Column("source", String, nullable=False, comment="origin, licence and date, as printed"),
    Column("note", String, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1",
           comment="counts the layers that one owner has had under one name"),
    Column("licence", String),
    Column("dated_on", Date, comment="of when the layer tells"),
    now_column("recorded_at"),
    instant("replaced_at", null=True),
    CheckConstraint("kind in ('polygons', 'raster', 'boundary', 'protection')", name="kind"),
)  # fmt: skip

layer_feature = Table(
    "layer_feature",
    metadata,
    Column("layer_id", ForeignKey("layer.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("class_id", Integer, nullable=False),
    Column("name", String, nullable=False, server_default=""),
    Column("geom", geometry("GEOMETRY"), nullable=False),
    Column("designated_on", Date, comment="since when it is what its class says"),
    Index("ix_layer_feature_geom", "geom", postgresql_using="gist"),
)

layer_raster = Table(
    "layer_raster",
    metadata,
    Column("layer_id", ForeignKey("layer.id"), primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("transform", ARRAY(Double), nullable=False, comment="affine a b c d e f"),
    Column("cells", LargeBinary, nullable=False, comment="int16, row by row, zlib"),
)

presence_day = Table(
    "presence_day",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("kind", String, primary_key=True, comment="kind of stopover, or travel"),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("season", String),
    Column("bird_days", Double, nullable=False),
    instant("release_at"),
    bird_key(),
    Index("ix_presence_day_study", "study_id", "day"),
)

use_day = Table(
    "use_day",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("layer_id", ForeignKey("layer.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("class_id", BigInteger, primary_key=True, comment="-1: outside every class"),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("season", String),
    Column("bird_days", Double, nullable=False),
    instant("release_at"),
    bird_key(),
    Index("ix_use_day_layer", "layer_id", "study_id", "day"),
    comment="one bird's time in each class of a layer; sums over classes equal presence_day",
)

available = Table(
    "available",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("season", String, primary_key=True),
    Column("layer_id", ForeignKey("layer.id"), primary_key=True),
    Column("class_id", BigInteger, primary_key=True, comment="-1: outside every class"),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("method", String, nullable=False, comment="of utilisation, whose 95 % area it is"),
    Column("share", Double, nullable=False, comment="of the area [1]"),
    bird_key(),
    Index("ix_available_layer", "layer_id", "study_id"),
    comment="what each class takes of the area a bird used in a season; for its owners alone",
)

ledger_day = Table(
    "ledger_day",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("kind", String, primary_key=True, comment="kind of stopover, or travel"),
    Column("observed", Boolean, primary_key=True,
           comment="false: a silence too long to say where the bird was; then without classes"),
    Column("class_ids", ARRAY(BigInteger), primary_key=True,
           comment="class in each layer of layer_ids; -1: outside every class"),
    Column("layer_ids", ARRAY(Integer), nullable=False),
    study_column(),
    Column("species_key", String, nullable=False),
    Column("season", String),
    Column("bird_days", Double, nullable=False),
    instant("release_at"),
    bird_key(),
    Index("ix_ledger_day_study", "study_id", "species_key", "day"),
    comment="one bird's time by its classes in all layers at once; sums equal presence_day",
)  # fmt: skip

capture = Table(
    "capture",
    metadata,
    Column("individual_id", Integer, primary_key=True, autoincrement=False),
    study_column(),
    Column("area", String, comment="country or sea area of the boundary set"),
    bird_key(),
    comment="where a bird was caught: where it was first seen by its tag",
)
