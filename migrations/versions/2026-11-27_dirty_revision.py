"""A dirty bird tells which transaction marked it: its stopovers are stored before the rest.

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
    """Note the transaction that marks a bird."""
    op.add_column(
        "dirty",
        sa.Column(
            "revision", sa.BigInteger(), nullable=False, server_default=sa.text("txid_current()")
        ),
    )


def downgrade() -> None:
    """Forget which transaction marked a bird."""
    op.drop_column("dirty", "revision")
