"""When stays and stopovers probably began and ended: 5, 50 and 95 % points of both times.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = tuple(
    f"{end}_time{point}" for end in ("arrival", "departure") for point in ("_p05", "", "_p95")
)


def upgrade() -> None:
    """Add the columns and have every bird derived again from end to end, which fills them."""
    for table in ("stay", "stopover"):
        for name in COLUMNS:
            op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " select id, study_id, '-infinity', 'infinity' from individual"
        " on conflict (individual_id) do update"
        " set from_time = excluded.from_time, to_time = excluded.to_time"
    )


def downgrade() -> None:
    """Take the columns away."""
    for table in ("stay", "stopover"):
        for name in COLUMNS:
            op.drop_column(table, name)
