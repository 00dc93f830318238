"""Every bird derived again: seasons with a silent half year between them are told apart.

Until now the summers of a bird whose tag was silent each winter were one season of years.

Revision ID: 0039
Revises: 0038
"""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"
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
