"""Where a bird was at each of its Argos fixes, given all of them.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and have birds with Argos fixes derived again, so that it fills."""
    op.create_table(
        "smoothed_fix",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("sd_major_m", sa.REAL(), nullable=False, comment="one standard deviation"),
        sa.Column("sd_minor_m", sa.REAL(), nullable=False, comment="one standard deviation"),
        sa.Column(
            "orientation_deg", sa.REAL(), nullable=False, comment="of the major axis, from north"
        ),
        sa.Column(
            "weight", sa.REAL(), nullable=False, comment="how far the fix was believed, 0 to 1"
        ),
        sa.Column("parameters", sa.String(), nullable=False, comment="row of noise.csv"),
        sa.PrimaryKeyConstraint("individual_id", "time", name=op.f("pk_smoothed_fix")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_smoothed_fix_study_id_individual_id_individual"),
        ),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_smoothed_fix_lon_range")),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_smoothed_fix_lat_range")),
        comment="where a bird was at its visible Argos fixes, given all fixes around them",
    )
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select i.id, i.study_id, '-infinity', 'infinity' from individual i where exists"
        " (select from deployment d join fix f on f.tag_id = d.tag_id and f.sensor = 1"
        "  where d.individual_id = i.id)"
        " on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'"
    )


def downgrade() -> None:
    """Take the table away; stopovers stay as they are until their birds change."""
    op.drop_table("smoothed_fix")
