"""Visits of sites may outlive their stopovers until the catalogue is made again.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COMMENT = (
    "stopovers of when the catalogue was made; no foreign key, as one would have catalogues"
    " and derivations of birds wait for each other"
)


def upgrade() -> None:
    """Let go of the key: checking it, a catalogue waited for birds that waited for it."""
    op.drop_constraint("fk_site_visit_stopover_id_stopover", "site_visit", type_="foreignkey")
    op.create_table_comment("site_visit", COMMENT)


def downgrade() -> None:
    """Hold visits to the stopovers that are there."""
    op.execute(
        "delete from site_visit v where not exists"
        " (select from stopover s where s.id = v.stopover_id)"
    )
    op.create_foreign_key(
        "fk_site_visit_stopover_id_stopover", "site_visit", "stopover",
        ["stopover_id"], ["id"], ondelete="CASCADE",
    )  # fmt: skip
    op.drop_table_comment("site_visit", existing_comment=COMMENT)
