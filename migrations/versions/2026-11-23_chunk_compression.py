"""Bytes of pushes are compressed by LZ4, which takes a tenth of the time of PostgreSQL's own.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Compress new bytes by LZ4, where the server was built with it; old ones stay as they are."""
    op.execute(
        "do $$ begin alter table push_chunk alter column body set compression lz4;"
        " exception when feature_not_supported then"
        " raise notice 'this server has no LZ4: pushes are compressed as before'; end $$"
    )


def downgrade() -> None:
    """Compress as PostgreSQL does by default."""
    op.execute("alter table push_chunk alter column body set compression default")
