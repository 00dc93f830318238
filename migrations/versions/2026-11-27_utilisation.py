"""The areas that birds used, and which birds wait to have theirs measured.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, and have every bird measured; nothing else is derived again."""
    op.create_table(
        "utilisation",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "season", sa.String(), nullable=False, comment="id of the season, or all: a resident's"
        ),
        sa.Column("method", sa.String(), nullable=False, comment="kde, akde, bb or dbb"),
        sa.Column(
            "level", sa.SmallInteger(), nullable=False, comment="share of the time within [%]"
        ),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("area_km2", sa.Double(), nullable=False),
        sa.Column("area_low_km2", sa.Double()),
        sa.Column("area_high_km2", sa.Double()),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column("n_effective", sa.Double()),
        sa.Column("unobserved_s", sa.Double(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("parameters", JSONB(), nullable=False),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_utilisation_study_id_individual_id_individual"),
        ),
        sa.CheckConstraint(
            "method in ('kde', 'akde', 'bb', 'dbb')", name=op.f("ck_utilisation_method")
        ),
        sa.CheckConstraint("level between 1 and 99", name=op.f("ck_utilisation_level")),
        sa.PrimaryKeyConstraint(
            "individual_id", "season", "method", "level", name=op.f("pk_utilisation")
        ),
        comment="areas that hold a share of a bird's time; of exact fixes, so for its owners alone",
    )
    op.create_table(
        "utilisation_due",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("from_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "since_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.String()),
        sa.Column("dead_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_utilisation_due_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_utilisation_due")),
        comment="birds whose areas are to be measured again, and the span that changed",
    )
    op.execute(
        "insert into utilisation_due (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_table("utilisation_due")
    op.drop_table("utilisation")
