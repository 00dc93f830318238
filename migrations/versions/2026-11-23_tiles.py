"""What the vector tiles are made from: rough track lines, and hours by cell of the map.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, and have every bird derived again: the worker fills them as it goes."""
    line = Geometry("MULTILINESTRING", srid=4326, spatial_index=False)
    op.add_column("track_part", sa.Column("overview", line, comment="for small scales"))
    op.execute("update track_part set overview = line")
    op.alter_column("track_part", "overview", nullable=False)
    op.create_table(
        "density_cell",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False, comment="counted from public_fix"),
        sa.Column("month", sa.Date(), nullable=False, comment="its first day, UTC"),
        sa.Column(
            "level", sa.SmallInteger(), nullable=False, comment="2^level columns around the world"
        ),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column(
            "hours", sa.Integer(), nullable=False, comment="UTC hours in which the bird was here"
        ),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_density_cell_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint(
            "individual_id", "public", "month", "level", "x", "y", name=op.f("pk_density_cell")
        ),
        comment="where birds are, counted in cells of the map's tiles, one position a UTC hour",
    )
    op.create_index(
        "ix_density_cell_level",
        "density_cell",
        ["level", "x", "y", "individual_id"],
        postgresql_include=["study_id", "public", "species_key", "hours", "release_at"],
    )
    op.create_table(
        "density_total",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_density_total_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", "level", "x", "y", name=op.f("pk_density_total")),
        comment="the months of density_cell added up, of those that are not public",
    )
    op.create_index(
        "ix_density_total_level",
        "density_total",
        ["level", "x", "y", "individual_id"],
        postgresql_include=["study_id", "species_key", "hours"],
    )
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update set from_time = excluded.from_time,"
        " to_time = excluded.to_time, attempts = 0, last_error = null, dead_at = null"
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_table("density_total")
    op.drop_table("density_cell")
    op.drop_column("track_part", "overview")
