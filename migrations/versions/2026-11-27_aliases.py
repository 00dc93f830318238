"""Tags have other names, by which pushes may call them.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; no tag has another name yet."""
    op.create_table(
        "tag_alias",
        sa.Column("study_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column(
            "made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"], ["tag.study_id", "tag.id"],
            name="fk_tag_alias_study_id_tag_id_tag",
        ),
        sa.PrimaryKeyConstraint("study_id", "alias", name="pk_tag_alias"),
        comment="other names of a tag in pushes; no tag of the study has one as its local"
        " identifier",
    )  # fmt: skip
    op.create_index("ix_tag_alias_tag_id", "tag_alias", ["tag_id"])


def downgrade() -> None:
    """Forget the other names: pushes that use one make a tag of it again."""
    op.drop_table("tag_alias")
