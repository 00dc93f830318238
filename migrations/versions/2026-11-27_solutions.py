"""Which solution of an Argos pass a fix is at, and the constraint that holds it to two.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and have every bird derived again, so that the choice is made."""
    op.add_column(
        "fix",
        sa.Column(
            "solution", sa.SmallInteger(), server_default=sa.text("1"), nullable=False,
            comment="which of the two solutions of an Argos pass, as sent, lon and lat are;"
            " lon2 and lat2 are the other one",
        ),
    )  # fmt: skip
    # Not validated: that would read every fix, and all have the default.
    op.execute(
        "alter table fix add constraint ck_fix_solution check (solution in (1, 2)) not valid"
    )
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update set from_time = '-infinity', to_time = 'infinity'"
    )


def downgrade() -> None:
    """Put every solution back where the sender had it."""
    op.execute("update fix set lon = lon2, lat = lat2, lon2 = lon, lat2 = lat where solution = 2")
    op.drop_column("fix", "solution")
