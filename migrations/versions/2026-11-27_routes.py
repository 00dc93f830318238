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
    op.execute(EVERYBODY)


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("flyway_line")
    op.drop_table("way")
