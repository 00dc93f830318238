"""Layers have versions, licences and dates; areas know since when; what birds could have used.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that are null or have a constant default, and a table that fills at leisure."""
    op.add_column(
        "layer",
        sa.Column("version", sa.Integer(), server_default="1", nullable=False,
                  comment="counts the layers that one owner has had under one name"),
    )  # fmt: skip
    op.add_column("layer", sa.Column("licence", sa.String()))
    op.add_column("layer", sa.Column("dated_on", sa.Date(), comment="of when the layer tells"))
    op.add_column(
        "layer_feature",
        sa.Column("designated_on", sa.Date(), comment="since when it is what its class says"),
    )
    _kinds("'polygons', 'raster', 'boundary', 'protection'")
    op.create_table(
        "available",
        sa.Column("individual_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("season", sa.String(), nullable=False),
        sa.Column("layer_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False, comment="-1: outside every class"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("species_key", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False,
                  comment="of utilisation, whose 95 % area it is"),
        sa.Column("share", sa.Double(), nullable=False, comment="of the area [1]"),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name=op.f("fk_available_study_id_individual_id_individual"),
        ),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["layer.id"], name=op.f("fk_available_layer_id_layer")
        ),
        sa.PrimaryKeyConstraint(
            "individual_id", "season", "layer_id", "class_id", name=op.f("pk_available")
        ),
        comment="what each class takes of the area a bird used in a season; for its owners alone",
    )  # fmt: skip
    op.create_index("ix_available_layer", "available", ["layer_id", "study_id"])
    op.execute(
        "insert into utilisation_due (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update set revision = utilisation_due.revision + 1,"
        " from_time = excluded.from_time, to_time = excluded.to_time"
    )


def downgrade() -> None:
    """Forget dates and availability; layers of designations stay as polygons of classes."""
    op.drop_table("available")
    op.execute("update layer set kind = 'polygons' where kind = 'protection'")
    _kinds("'polygons', 'raster', 'boundary'")
    op.drop_column("layer_feature", "designated_on")
    for name in ("dated_on", "licence", "version"):
        op.drop_column("layer", name)


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_layer_kind"), "layer", type_="check")
    op.create_check_constraint(op.f("ck_layer_kind"), "layer", f"kind in ({known})")
