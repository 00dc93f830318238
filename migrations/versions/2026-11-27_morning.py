"""What each bird did of late, for the morning report; decodings found by when they came.

Revision ID: 0025
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and have the end of each bird's track derived again, so that it fills."""
    op.create_table(
        "recent",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("doing", sa.String(), nullable=False, comment="at the newest visible fix"),
        sa.Column(
            "interval_usual_s", sa.Double(), comment="median; null: heard of too seldom to tell"
        ),
        sa.Column("silence_usual_s", sa.Double(), comment="99 of 100 intervals are shorter"),
        sa.Column("lag_p95_s", sa.Double(), comment="from a fix to its arrival"),
        sa.Column(
            "path_time",
            sa.ARRAY(sa.DateTime(timezone=True)),
            nullable=False,
            comment="last visible fix of each UTC hour of the last 7 days",
        ),
        sa.Column(
            "path_m", sa.ARRAY(sa.Double()), nullable=False, comment="way since the first of them"
        ),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_recent")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_recent_study_id_individual_id_individual"),
        ),
        sa.CheckConstraint(
            "doing in ('moving', 'stopover', 'roosting')", name=op.f("ck_recent_doing")
        ),
        sa.CheckConstraint("cardinality(path_time) > 0", name=op.f("ck_recent_path_time")),
        sa.CheckConstraint(
            "cardinality(path_time) = cardinality(path_m)", name=op.f("ck_recent_path_m")
        ),
        comment="what a bird did of late, for the morning report",
    )
    op.create_index("ix_decoding_received_at", "decoding", ["received_at"])
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select individual_id, study_id, time, time from latest_fix"
        " on conflict (individual_id) do update set"
        " from_time = least(dirty.from_time, excluded.from_time),"
        " to_time = greatest(dirty.to_time, excluded.to_time)"
    )


def downgrade() -> None:
    """Take the table and the index away."""
    op.drop_index("ix_decoding_received_at", "decoding")
    op.drop_table("recent")
