"""A dirty bird tells which transaction marked it, not how often it was marked.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number marks by transactions: a count begins anew whenever a bird becomes clean."""
    op.alter_column("dirty", "revision", server_default=sa.text("txid_current()"))


def downgrade() -> None:
    """Count again from 1."""
    op.alter_column("dirty", "revision", server_default=sa.text("1"))
