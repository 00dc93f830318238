"""Connectors say how their pushes are read as sources do: encoding, datum, order of dates, mapping.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; connectors that are there read as before."""
    op.execute("alter table connector add column encoding varchar")
    op.execute("alter table connector add column datum varchar not null default 'wgs84'")
    op.execute("alter table connector add column date_order varchar")
    op.execute("alter table connector add column mapping_id integer")
    op.execute("comment on column connector.encoding is 'null: found out'")
    op.execute("comment on column connector.date_order is 'dmy, mdy; null: found out'")
    op.execute(
        "comment on column connector.mapping_id is"
        " 'read with its newest version, in place of a format'"
    )
    # Not valid: no row that is there names a mapping.
    op.execute(
        "alter table connector add constraint fk_connector_study_id_mapping_id_mapping"
        " foreign key (study_id, mapping_id) references mapping (study_id, id) not valid"
    )


def downgrade() -> None:
    """Read pulled pushes by format and zone alone again."""
    op.execute("alter table connector drop constraint fk_connector_study_id_mapping_id_mapping")
    for name in ("mapping_id", "date_order", "datum", "encoding"):
        op.execute(f"alter table connector drop column {name}")
