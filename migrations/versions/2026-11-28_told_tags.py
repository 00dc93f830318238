"""Whose a push is whose rows name no tag: the same bytes may be of two.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TOLD = "told, or in the name of the file: whose rows without a tag are"
FIRST = sa.text("replay_of_id is null")


def upgrade() -> None:
    """Add what is null of all that came before, and count it to what makes a push the same."""
    op.add_column("push", sa.Column("tag", sa.String(), comment=TOLD))
    op.add_column("decoding", sa.Column("tag", sa.String(), comment="whose rows without a tag are"))
    op.drop_index("uq_push_digest", table_name="push", postgresql_where=FIRST)
    op.create_index(
        "uq_push_digest", "push", ["study_id", "digest", sa.text("coalesce(tag, '')")],
        unique=True, postgresql_where=FIRST,
    )  # fmt: skip


def downgrade() -> None:
    """Forget it; bytes that came for two tags can't be kept apart, and stop this."""
    op.drop_index("uq_push_digest", table_name="push", postgresql_where=FIRST)
    op.create_index(
        "uq_push_digest", "push", ["study_id", "digest"], unique=True, postgresql_where=FIRST
    )
    op.drop_column("decoding", "tag")
    op.drop_column("push", "tag")
