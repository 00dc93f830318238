"""Every bird derived again: a day's trip to near fields is of the stay around it (`core stops 5`).

Only rows that a change touches are found anew, and all stopovers of a bird name one method.

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0033"
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
