"""Each bird's days by all its classes at once, where it was caught, and how far legs are unseen.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

OBSERVED = "false: a silence too long to say where the bird was; then without classes"


def upgrade() -> None:
    """Add both tables and a column, and have every bird derived again to fill them."""
    op.create_table(
        "ledger_day",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("kind", sa.String(), nullable=False, comment="kind of stopover, or travel"),
        sa.Column("observed", sa.Boolean(), nullable=False, comment=OBSERVED),
        sa.Column(
            "class_ids",
            sa.ARRAY(sa.Integer()),
            nullable=False,
            comment="class in each layer of layer_ids; -1: outside every class",
        ),
        sa.Column("layer_ids", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("season", sa.String()),
        sa.Column("bird_days", sa.Double(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_ledger_day_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint(
            "individual_id", "day", "kind", "observed", "class_ids", name=op.f("pk_ledger_day")
        ),
        comment="one bird's time by its classes in all layers at once; sums equal presence_day",
    )
    op.create_index("ix_ledger_day_study", "ledger_day", ["study_id", "species_key", "day"])
    op.create_table(
        "capture",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("area", sa.String(), comment="country or sea area of the boundary set"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"],
            ["individual.study_id", "individual.id"],
            name=op.f("fk_capture_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint("individual_id", name=op.f("pk_capture")),
        comment="where a bird was caught: where it was first seen by its tag",
    )
    op.add_column(
        "leg",
        sa.Column(
            "unobserved_m",
            sa.Double(),
            server_default=sa.text("0"),
            nullable=False,
            comment="part of length_m that crosses silences",
        ),
    )
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'"
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_column("leg", "unobserved_m")
    op.drop_table("capture")
    op.drop_table("ledger_day")
