"""Senders declare whether 03/04/2024 is a day of April or of March.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what may be null: no row is rewritten."""
    for table in ("source", "decoding"):
        op.add_column(
            table, sa.Column("date_order", sa.String, comment="dmy or mdy; null: found out")
        )


def downgrade() -> None:
    """Take the columns away."""
    for table in ("source", "decoding"):
        op.drop_column(table, "date_order")
