"""A dirty bird counts how often it was marked: stopovers are stored before all that follows.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count the marks of a bird."""
    op.add_column(
        "dirty", sa.Column("revision", sa.BigInteger(), nullable=False, server_default=sa.text("1"))
    )


def downgrade() -> None:
    """Forget how often a bird was marked."""
    op.drop_column("dirty", "revision")
