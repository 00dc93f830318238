"""Snapshots narrowed by a kind of season stand on birds again.

An address with `season=spring` was kept as if it stood on no bird: it stayed readable when a study
was closed, and when a bird was withdrawn. Which birds it stood on can't be told any more; it stands
on all of the studies that its manifest names as its input.

A study counts how often its owner withheld more of it: what strangers kept before is read no more.

Revision ID: 0040
Revises: 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

ON_ALL = """
insert into snapshot_bird (snapshot_id, individual_id, study_id, exact)
select t.id, i.id, i.study_id,
  t.scope = 'operator' or t.scope = 'institute:' || s.institute_id
from snapshot t
join study s on t.manifest #> '{input,study_versions}' ? s.ref::text
join individual i on i.study_id = s.id
where t.address ~ '[?&]season='
  and not exists (select from snapshot_bird b where b.snapshot_id = t.id)
"""


def upgrade() -> None:
    """Let each stand on every bird that it may show; no study has withheld more so far."""
    for table in ("study", "snapshot_bird"):
        op.add_column(
            table, sa.Column("protection", sa.Integer(), server_default="0", nullable=False)
        )
    op.execute(ON_ALL)


def downgrade() -> None:
    """Leave birds as they are: a snapshot that is withheld too much is made anew."""
    for table in ("study", "snapshot_bird"):
        op.drop_column(table, "protection")
