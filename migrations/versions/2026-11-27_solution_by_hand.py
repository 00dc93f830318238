"""Which solution of an Argos pass a person at the sender's chose.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CHOSEN = "solution_by_hand is null or solution_by_hand in (1, 2) and solution = 1"


def upgrade() -> None:
    """Add what may be null: no row is rewritten, and none has to be read to be checked."""
    op.add_column(
        "fix",
        sa.Column(
            "solution_by_hand", sa.SmallInteger(),
            comment="which of the two, as the sender numbers them, a person chose for lon and lat:"
            " the track does not choose again",
        ),
    )  # fmt: skip
    op.execute(f"alter table fix add constraint ck_fix_solution_by_hand check ({CHOSEN}) not valid")


def downgrade() -> None:
    """Take the column away, and its constraint with it."""
    op.drop_column("fix", "solution_by_hand")
