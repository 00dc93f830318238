"""Every bird derived again: what the public may not know of a breeding place, it never knows.

A stay before or after the season, at a place where the bird bred, is withheld as well; a winter's
stay longer than sixty days no more.

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

AGAIN = """
insert into dirty (individual_id, study_id, from_time, to_time)
select id, study_id, '-infinity', 'infinity' from individual order by id
on conflict (individual_id) do update set
  from_time = '-infinity', to_time = 'infinity', revision = excluded.revision,
  attempts = 0, last_error = null, dead_at = null
"""


def upgrade() -> None:
    """Mark all birds; the workers do the rest."""
    op.execute(AGAIN)


def downgrade() -> None:
    """Mark them once more: what was derived is of the newer rule."""
    op.execute(AGAIN)
