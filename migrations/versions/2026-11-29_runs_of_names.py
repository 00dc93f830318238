"""When the rows of a push name a bird is kept, so that what names imply follows their runs.

So far the first and the last time were known. Pushes that named birds for a tag of which another
bird was named too are marked to be read again, which tells all times; the workers do that, and
the tag goes to each bird in its runs. Of tags of one bird, as nearly all are, those two times are
carried over: should a push come that names another bird between them, the tag goes back to the
first bird at the last of them. Whoever states the deployments need not mind.

Revision ID: 0038
Revises: 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

CARRY_OVER = """
insert into naming_week (decoding_id, tag_id, individual_id, week, study_id, time_first,
  time_last, times)
select decoding_id, tag_id, individual_id, floor(extract(epoch from time_last) / 604800)::int,
  study_id, time_last, time_last, array[time_last]
from naming where time_first < time_last
"""

AGAIN = """
update decoding d set state = 'received', attempts = 0
where d.replaced_at is null and d.state in ('stored', 'processed') and exists (
  select from naming n join naming o on o.tag_id = n.tag_id
    and o.individual_id <> n.individual_id where n.decoding_id = d.id)
"""


def upgrade() -> None:
    """Make the table, carry over what is known, and have read again what may be told apart."""
    op.create_table(
        "naming_week",
        sa.Column("decoding_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("individual_id", sa.Integer(), nullable=False),
        sa.Column("week", sa.Integer(), nullable=False, comment="weeks since 1970-01-01, UTC"),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("time_first", INSTANT, nullable=False),
        sa.Column("time_last", INSTANT, nullable=False),
        sa.Column("times", sa.ARRAY(INSTANT), nullable=False),
        sa.ForeignKeyConstraint(
            ["decoding_id"], ["decoding.id"], name=op.f("fk_naming_week_decoding_id_decoding")
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "tag_id"], ["tag.study_id", "tag.id"],
            name=op.f("fk_naming_week_study_id_tag_id_tag"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "individual_id"], ["individual.study_id", "individual.id"],
            name=op.f("fk_naming_week_study_id_individual_id_individual"),
        ),
        sa.PrimaryKeyConstraint(
            "decoding_id", "tag_id", "individual_id", "week", name=op.f("pk_naming_week")
        ),
        comment="when the rows of a naming name the individual, week by week; of one time it has"
        " none",
    )  # fmt: skip
    op.create_index(
        "ix_naming_week_tag_id_individual_id_time_first", "naming_week",
        ["tag_id", "individual_id", "time_first"],
    )  # fmt: skip
    op.execute(CARRY_OVER)
    op.execute(AGAIN)


def downgrade() -> None:
    """Forget the times between; deployments stay until a push names the tag again."""
    op.drop_table("naming_week")
