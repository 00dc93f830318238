"""What names imply is found by index steps; pushes are found by the source they came from.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIRST = "ix_naming_tag_id_individual_id_time_first"
COMMENT = "which individual the rows of a decoding{} named for a tag, and when"
IN_FORCE, EVER = COMMENT.format(" in force"), COMMENT.format("")


def upgrade() -> None:
    """Keep namings of decodings in force alone, in the order in which they are asked for."""
    op.execute(
        "delete from naming n using decoding d"
        " where d.id = n.decoding_id and d.replaced_at is not null"
    )
    op.create_table_comment("naming", IN_FORCE, existing_comment=EVER)
    with op.get_context().autocommit_block():
        op.create_index(
            FIRST, "naming", ["tag_id", "individual_id", "time_first"],
            if_not_exists=True, postgresql_concurrently=True,
        )  # fmt: skip
        op.create_index(
            "ix_push_source_id", "push", ["source_id", "id"],
            postgresql_where=sa.text("source_id is not null"),
            if_not_exists=True, postgresql_concurrently=True,
        )  # fmt: skip
        op.drop_index(
            "ix_naming_tag_id", table_name="naming", if_exists=True, postgresql_concurrently=True
        )


def downgrade() -> None:
    """Find namings by their tag; those of replaced decodings come back with a re-read."""
    op.drop_index("ix_push_source_id", table_name="push")
    op.create_index("ix_naming_tag_id", "naming", ["tag_id"])
    op.drop_index(FIRST, table_name="naming")
    op.create_table_comment("naming", EVER, existing_comment=IN_FORCE)
