"""Parameters of a study, and trials of others.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables: every study goes by the profiles until it says otherwise."""
    op.create_table(
        "study_parameters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("said", postgresql.JSONB(), nullable=False,
                  comment="parameters of the profile, by name"),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        _now("decided_at"),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.Column("undone_by", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_study_parameters"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name="fk_study_parameters_study_id_study"
        ),
        comment="where a study goes by other parameters than the profile of a species",
    )  # fmt: skip
    op.create_index(
        "uq_study_parameters_current", "study_parameters", ["study_id", "species_key"],
        unique=True, postgresql_where=sa.text("undone_at is null"),
    )  # fmt: skip
    op.create_table(
        "screening_trial",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ref", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("said", postgresql.JSONB(), nullable=False, comment="parameters tried, by name"),
        sa.Column("found", postgresql.JSONB(),
                  comment="what would change; null: a worker has it before it"),
        _now("asked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_screening_trial"),
        sa.UniqueConstraint("ref", name="uq_screening_trial_ref"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name="fk_screening_trial_study_id_individual_id_individual",
        ),
        comment="trials of parameters that change nothing; kept for a day",
    )  # fmt: skip
    op.create_index(
        "ix_screening_trial_waiting", "screening_trial", ["id"],
        postgresql_where=sa.text("found is null"),
    )  # fmt: skip


def downgrade() -> None:
    """Go by the profiles again; birds of studies that did not are derived again."""
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select i.id, i.study_id, '-infinity', 'infinity' from individual i"
        " join study_parameters p on p.study_id = i.study_id and p.species_key = i.species_key"
        " and p.undone_at is null"
        " on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'"
    )
    op.drop_table("screening_trial")
    op.drop_table("study_parameters")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"),
        nullable=False,
    )  # fmt: skip
