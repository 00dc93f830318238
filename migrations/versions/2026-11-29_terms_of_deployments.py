"""What reference data say of a deployment is kept with it, no longer with its bird.

Of a bird with one stated deployment they are moved. Of one with several, whose values had been
written over each other, they can't be told apart here: the pushes that told them are marked to
be read again, which gives each deployment its own and takes from the bird what it has word for
word (`stated.recall`). What no kept push tells stays with the bird, where exports find it, and so
does all of a bird whose deployments are only implied by names in event rows.

All terms that deployments had so far were set by people: pushes that follow don't change them.

Revision ID: 0037
Revises: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

BY_HAND = "names of terms that a person decided, which reference data never change"

OF_ALL = "terms: every other term of the Movebank reference data (sex, ring id, siblings)"
OF_THE_BIRD = "terms: what the Movebank reference data say of the bird (sex, ring id, siblings)"

WORN = (
    "(key ~ '^(deploy|deployment|attachment|manipulation|geolocator)-' or key in"
    " ('alt-project-id', 'behavior-according-to', 'data-processing-software', 'duty-cycle',"
    " 'georeference-protocol', 'habitat-according-to', 'location-accuracy-comments',"
    " 'study-site'))"
)
"""SQL: terms of Movebank's dictionary that describe a deployment, but for those of the animal."""

ONLY = """
only_one as (
  select min(d.id) as id, d.individual_id from deployment d where d.replaced_at is null
    and not exists (select from deployment o where o.individual_id = d.individual_id
      and o.declared and o.tag_id <> d.tag_id)
  group by d.individual_id having count(*) = 1 and bool_and(d.declared))
"""
"""SQL: birds of one deployment; what another that was taken back had told may be mixed in."""

MOVE = f"""
with {ONLY},
given as (
  update deployment d set terms = said.terms || d.terms
  from only_one join individual i on i.id = only_one.individual_id cross join lateral (
    select jsonb_object_agg(key, value) as terms from jsonb_each(i.terms) where {WORN}) as said
  where d.id = only_one.id and said.terms is not null
  returning d.individual_id)
update individual i set terms = i.terms - array(select key from jsonb_each(i.terms) where {WORN})
from given where i.id = given.individual_id
"""  # noqa: S608 - of constants alone

AGAIN = f"""
update decoding d set state = 'received', attempts = 0
where d.format = 'movebank-reference-csv' and d.replaced_at is null
  and d.state in ('stored', 'processed') and d.study_id in (
    select i.study_id from individual i
    where exists (select from jsonb_each(i.terms) where {WORN}))
"""  # noqa: S608 - of constants alone

BACK = f"""
with {ONLY},
taken as (
  update deployment d set terms = d.terms - array(select key from jsonb_each(d.terms)
    where key <> all(d.terms_by_hand))
  from only_one join deployment was on was.id = only_one.id
  where d.id = only_one.id and d.terms <> '{{}}'
  returning d.individual_id, was.terms - d.terms_by_hand as said)
update individual i set terms = taken.said || i.terms
from taken where i.id = taken.individual_id
"""  # noqa: S608 - of constants alone


def upgrade() -> None:
    """Move what can be moved, and have the rest read again; the workers do that."""
    op.add_column(
        "deployment",
        sa.Column("terms_by_hand", sa.ARRAY(sa.String()), nullable=False,
                  server_default=sa.text("'{}'"), comment=BY_HAND),
    )  # fmt: skip
    op.create_table_comment("individual", OF_THE_BIRD, existing_comment=OF_ALL)
    op.execute(
        "update deployment set terms_by_hand = array(select jsonb_object_keys(terms) order by 1)"
        " where terms <> '{}'"
    )
    op.execute(MOVE)
    op.execute(AGAIN)


def downgrade() -> None:
    """Give birds of one deployment back what no person said of it; of others it stays there."""
    op.execute(BACK)
    op.create_table_comment("individual", OF_ALL, existing_comment=OF_THE_BIRD)
    op.drop_column("deployment", "terms_by_hand")
