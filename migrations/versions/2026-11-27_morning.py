"""What each bird did of late; withdrawn birds; answers kept as they were.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
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
    _withdrawals()
    _snapshots()
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select individual_id, study_id, time, time from latest_fix"
        " on conflict (individual_id) do update set"
        " from_time = least(dirty.from_time, excluded.from_time),"
        " to_time = greatest(dirty.to_time, excluded.to_time)"
    )


def _withdrawals() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column(
            "numbers", JSONB(), nullable=False, comment="what left the products with the bird"
        ),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.Column("undone_by", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
        sa.UniqueConstraint("ref", name=op.f("uq_withdrawal_ref")),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_withdrawal_study_id_individual_id_individual"),
        ),
        comment="birds that their owner took out of every product; append-only but for undone_at",
    )
    op.create_index(
        "uq_withdrawal_current",
        "withdrawal",
        ["individual_id"],
        unique=True,
        postgresql_where=sa.text("undone_at is null"),
    )


def _snapshots() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "scope", sa.String(), nullable=False, comment="public, operator or institute:<id>"
        ),
        sa.Column(
            "address", sa.String(), nullable=False, comment="path and sorted query of the product"
        ),
        sa.Column("manifest", JSONB(), nullable=False),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the manifest, canonical",
        ),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="the answer, gzip"),
        sa.Column(
            "made_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("ref", name=op.f("uq_snapshot_ref")),
        comment="answers kept as they were: never changed",
    )
    op.create_index(
        "ix_snapshot_scope_address_made_at", "snapshot", ["scope", "address", "made_at"]
    )
    op.create_table(
        "snapshot_bird",
        sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column(
            "exact", sa.Boolean(), nullable=False, comment="false: seen through the public view"
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "individual_id", name=op.f("pk_snapshot_bird")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshot.id"],
            name=op.f("fk_snapshot_bird_snapshot_id_snapshot"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_snapshot_bird_study_id_individual_id_individual"),
        ),
        comment="the birds that an answer may stand on",
    )
    op.create_index("ix_snapshot_bird_individual_id", "snapshot_bird", ["individual_id"])


def downgrade() -> None:
    """Take the tables and the index away."""
    op.drop_table("snapshot_bird")
    op.drop_table("snapshot")
    op.drop_table("withdrawal")
    op.drop_index("ix_decoding_received_at", "decoding")
    op.drop_table("recent")
