"""A refused unit of a workbook tells its row; a push keeps the tag that names its file.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

ROW = "row of the sheet of a workbook, which has no such byte"
NAMED = "the tag in the name of the file, whatever was told"


def upgrade() -> None:
    """Add what is null of all that came before: rows are told when such a push is read again."""
    op.add_column("refusal", sa.Column("line", sa.BigInteger(), comment=ROW))
    op.add_column("push", sa.Column("named_tag", sa.String(), comment=NAMED))


def downgrade() -> None:
    """Forget both."""
    op.drop_column("push", "named_tag")
    op.drop_column("refusal", "line")
