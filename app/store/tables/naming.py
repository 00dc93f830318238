"""Shared pieces of the table definitions: metadata, constraint names, recurring columns."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Uuid,
    func,
    text,
)
from sqlalchemy.types import Double

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def instant(name: str, *, null: bool = False) -> Column[object]:
    """Return a timestamptz column; all times are UTC."""
    return Column(name, DateTime(timezone=True), nullable=null)


def now_column(name: str) -> Column[object]:
    """Return a timestamptz column that the database clock fills."""
    return Column(
        name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()
    )


def ref_column() -> Column[object]:
    """Return the opaque public identifier of a row: internal numbers never leave the store."""
    return Column(
        "ref", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")
    )


def study_column() -> Column[object]:
    """Return the owner's data set, the unit of permission, which every base row carries."""
    return Column("study_id", Integer, nullable=False)


def bird_columns() -> list[Column[object]]:
    """Return the bird of a row and its study; pair them with `bird_key`."""
    return [Column("individual_id", Integer, nullable=False), study_column()]


def bird_key() -> ForeignKeyConstraint:
    """Return the key that holds a bird to its study."""
    return ForeignKeyConstraint(
        ["study_id", "individual_id"], ["individual.study_id", "individual.id"]
    )


def place_columns(prefix: str = "", *, null: bool = False) -> list[Column[object]]:
    """Return lon and lat in degrees; pair them with `place_checks`."""
    return [
        Column(f"{prefix}lon", Double, nullable=null),
        Column(f"{prefix}lat", Double, nullable=null),
    ]


def place_checks(prefix: str = "") -> list[CheckConstraint]:
    """Return the checks that keep NaN, infinities and lat 95 out (BETWEEN is false for NaN)."""
    return [
        CheckConstraint(f"{prefix}lon between -180 and 180", name=f"{prefix}lon_range"),
        CheckConstraint(f"{prefix}lat between -90 and 90", name=f"{prefix}lat_range"),
    ]


def geometry(kind: str) -> Geometry:
    """Return a WGS 84 geometry type; the migration creates its GiST index by name."""
    return Geometry(kind, srid=4326, spatial_index=False)
