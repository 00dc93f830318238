"""Every bird derived again: a night at the edge of a stay is of it however often a tag sends.

Only rows that a change touches are found anew, and all stopovers of a bird name one method: those
of `core stops 3` would be told as of `core stops 4` with the next fix.

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
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
    """Mark them once more: what was derived is of the newer method."""
    op.execute(AGAIN)
