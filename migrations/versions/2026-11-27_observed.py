"""Observers correct stopovers and seasons.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FOLLOWS = "the correction it follows"


def upgrade() -> None:
    """Add a table, and columns that are null or have a constant default: no row is rewritten."""
    op.create_table(
        "observation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("individual_id", "study_id")),
        sa.Column("noun", sa.String(), nullable=False),
        *(_time(name) for name in ("about_start", "about_end")),
        sa.Column("said", postgresql.JSONB(), nullable=False,
                  comment="what is corrected, by its name"),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True),
                  server_default=sa.text("clock_timestamp()"), nullable=False),
        _time("undone_at", null=True),
        sa.Column("undone_by", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_observation"),
        sa.UniqueConstraint("ref", name="uq_observation_ref"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name="fk_observation_study_id_individual_id_individual",
        ),
        sa.CheckConstraint("noun in ('stopover', 'season')", name="ck_observation_noun"),
        sa.CheckConstraint("about_start < about_end", name="ck_observation_about"),
        comment="what observers correct of stopovers and seasons; append-only but for undone_at",
    )  # fmt: skip
    op.create_index("ix_observation_individual_id", "observation", ["individual_id"])
    op.create_index("ix_observation_study_id", "observation", ["study_id", "id"])
    op.add_column(
        "stopover", sa.Column("basis", sa.String(), server_default="track", nullable=False)
    )
    op.add_column("stopover", sa.Column("site_named", sa.String(), comment="by an observer"))
    for table in ("stopover", "season"):
        op.add_column(table, sa.Column("observation_id", sa.BigInteger(), comment=FOLLOWS))


def downgrade() -> None:
    """Forget what observers said; the birds they spoke of are derived again."""
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select distinct individual_id, study_id, timestamptz '-infinity',"
        " timestamptz 'infinity' from observation where undone_at is null"
        " on conflict (individual_id) do update set from_time = '-infinity',"
        " to_time = 'infinity'"
    )
    for table in ("stopover", "season"):
        op.drop_column(table, "observation_id")
    for name in ("site_named", "basis"):
        op.drop_column("stopover", name)
    op.drop_table("observation")


def _time(name: str, *, null: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)
