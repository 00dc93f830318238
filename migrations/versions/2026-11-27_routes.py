"""Ways of legs, the mean route of a flyway and its silences.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

EVERYBODY = """
insert into dirty (individual_id, study_id, from_time, to_time)
select i.id, i.study_id, '-infinity', 'infinity' from individual i order by i.id
on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'
"""


def upgrade() -> None:
    """Add the tables, and have every bird derived again once."""
    op.create_table(
        "way",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "departure_time", sa.DateTime(timezone=True), nullable=False, comment="of its leg"
        ),
        sa.Column("public", sa.Boolean(), nullable=False, comment="by public_fix"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("arrival_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "positions", sa.LargeBinary(), nullable=False, comment="float64 lon, lat, time [us]"
        ),
        sa.Column(
            "cells", sa.LargeBinary(), nullable=False, comment="float32 lon, lat, length [m]"
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name="fk_way_study_id_individual_id_individual",
        ),
        sa.PrimaryKeyConstraint("individual_id", "departure_time", "public", name="pk_way"),
        comment="one leg by Brownian bridges: how far a bird flew in which cells; what corridors"
        " are made of. The public reads it when the leg is released",
    )  # fmt: skip
    op.create_table(
        "flyway_line",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("n_birds", sa.Integer(), nullable=False),
        sa.Column(
            "n_passages", sa.Integer(), nullable=False, comment="whole migrations, or silences"
        ),
        sa.Column("length_m", sa.Double()),
        sa.Column(
            "width_50_m", postgresql.ARRAY(sa.Double()),
            comment="at equal fractions of the route",
        ),
        sa.Column("width_95_m", postgresql.ARRAY(sa.Double())),
        sa.Column(
            "geom", Geometry("MULTILINESTRING", srid=4326, spatial_index=False), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flyway_line"),
        sa.UniqueConstraint(
            "scope", "simulated", "species_key", "season", "part",
            name="uq_flyway_line_scope_simulated_species_key_season_part",
        ),
        sa.CheckConstraint("part in ('route', 'unobserved')", name="ck_flyway_line_part"),
        comment="the mean route of a flyway, and the silences that nothing of it is made of",
    )  # fmt: skip
    _ranges()
    _classes(sa.Integer(), sa.BigInteger())
    op.execute(EVERYBODY)


def _classes(old: sa.types.TypeEngine[int], new: sa.types.TypeEngine[int]) -> None:
    """Let a class hold the states of 31 designations instead of 15."""
    outside = "-1: outside every class"
    for table in ("use_day", "available"):
        op.alter_column(
            table, "class_id", existing_type=old, type_=new, existing_nullable=False,
            existing_comment=outside,
        )  # fmt: skip
    op.alter_column(
        "ledger_day", "class_ids", existing_type=postgresql.ARRAY(old),
        type_=postgresql.ARRAY(new), existing_nullable=False,
        existing_comment=f"class in each layer of layer_ids; {outside}",
    )  # fmt: skip


def _of_stay() -> list[sa.Column[object]]:
    return [
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "arrival_time", sa.DateTime(timezone=True), nullable=False, comment="of its stopover"
        ),
    ]


def _ranges() -> None:
    doubles = postgresql.ARRAY(sa.Double())
    op.create_table(
        "stay_range",
        *_of_stay(),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("departure_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("roost_lon", doubles, nullable=False, comment="by nights, most first"),
        sa.Column("roost_lat", doubles, nullable=False),
        sa.Column("roost_nights", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("day_range_m", doubles, nullable=False, comment="of each day"),
        sa.Column("to_feeding_m", doubles, nullable=False, comment="of each day"),
        sa.Column("hull_km2", sa.Double(), nullable=False),
        sa.Column(
            "area_50_km2", sa.Double(), comment="kernel density of the reference bandwidth"
        ),
        sa.Column("area_95_km2", sa.Double()),
        sa.Column("version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name="fk_stay_range_study_id_individual_id_individual",
        ),
        sa.PrimaryKeyConstraint("individual_id", "arrival_time", name="pk_stay_range"),
        comment="how a bird used the place of a stopover; roosts are for its owners alone",
    )  # fmt: skip
    op.create_table(
        "stay_cover",
        *_of_stay(),
        sa.Column("layer_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "class_id", sa.BigInteger(), autoincrement=False, nullable=False,
            comment="-1: outside every class",
        ),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column(
            "share", sa.Double(), nullable=False,
            comment="of the polygon of the stopover, by area [1]",
        ),
        sa.ForeignKeyConstraint(["layer_id"], ["layer.id"], name="fk_stay_cover_layer_id_layer"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name="fk_stay_cover_study_id_individual_id_individual",
        ),
        sa.PrimaryKeyConstraint(
            "individual_id", "arrival_time", "layer_id", "class_id", name="pk_stay_cover"
        ),
        comment="what each class takes of the ground of a stopover; for its owners alone",
    )  # fmt: skip
    op.create_index("ix_stay_cover_layer", "stay_cover", ["layer_id", "study_id"])


def downgrade() -> None:
    """Take the tables away; layers of more designations than a class held must be retired first."""
    _classes(sa.BigInteger(), sa.Integer())
    op.drop_table("stay_cover")
    op.drop_table("stay_range")
    op.drop_table("flyway_line")
    op.drop_table("way")
