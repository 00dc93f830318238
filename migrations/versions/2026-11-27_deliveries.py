"""Which delivery had known bytes read in another way.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

COMMENT = "the push that brought known bytes to be read so; no key, to take no lock"


def upgrade() -> None:
    """Add the column; of decodings that are there nobody knows any more."""
    op.add_column(
        "decoding", sa.Column("delivery_id", sa.BigInteger(), nullable=True, comment=COMMENT)
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_column("decoding", "delivery_id")
