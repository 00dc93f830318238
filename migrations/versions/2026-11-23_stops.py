"""Stops by the rule of MovingPandas, and the saved state of their detector.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and have every bird derived again, so that they fill."""
    op.create_table(
        "stop",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False, comment="false: the data end within it"),
        sa.Column("n_fixes", sa.Integer(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stop")),
        sa.UniqueConstraint("ref", name=op.f("uq_stop_ref")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_stop_study_id_individual_id_individual"),
        ),
        sa.UniqueConstraint(
            "individual_id", "start_time", name=op.f("uq_stop_individual_id_start_time")
        ),
        sa.CheckConstraint("lon between -180 and 180", name=op.f("ck_stop_lon_range")),
        sa.CheckConstraint("lat between -90 and 90", name=op.f("ck_stop_lat_range")),
        sa.CheckConstraint("start_time <= end_time", name=op.f("ck_stop_order")),
        comment="stops by the rule of MovingPandas, beside our own stopovers; medians as centres",
    )
    op.create_index("ix_stop_study", "stop", ["study_id", "start_time", "id"])
    op.create_table(
        "stop_state",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("through_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False, comment="movement.stops.StopState"),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_stop_state")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_stop_state_study_id_individual_id_individual"),
        ),
        comment="where the detector of stops stands, so that new fixes are all it reads",
    )
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update"
        " set from_time = excluded.from_time, to_time = excluded.to_time"
    )


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("stop_state")
    op.drop_table("stop")
