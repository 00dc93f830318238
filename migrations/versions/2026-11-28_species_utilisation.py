"""What the mean bird of a species used, as areas.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and have the key sites of every catalogue found again, which fill it."""
    op.create_table(
        "species_use",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String(), nullable=False, comment="kind of season, over all years"),
        sa.Column(
            "level", sa.SmallInteger(), nullable=False, comment="share of the time within [%]"
        ),
        sa.Column("area_km2", sa.Double(), nullable=False),
        sa.Column(
            "share_told", sa.Double(), nullable=False, comment="of the birds' time; the rest is"
            " others'",
        ),
        sa.Column(
            "geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_species_use")),
        sa.UniqueConstraint(
            "scope", "simulated", "species_key", "season", "level",
            name=op.f("uq_species_use_scope_simulated_species_key_season_level"),
        ),
        comment="areas that hold a share of the mean bird's time",
    )  # fmt: skip
    op.execute(
        "insert into key_site_due (scope, simulated)"
        " select distinct scope, simulated from key_sample"
        " on conflict (scope, simulated) do update set revision = key_site_due.revision + 1"
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("species_use")
