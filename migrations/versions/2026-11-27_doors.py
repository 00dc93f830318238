"""Senders declare encoding and datum, prove themselves in four ways; refused ones raise an alert.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMES = "scheme in ('token', 'basic', 'standard-webhooks', 'github')"
SCHEMES_BEFORE = "scheme in ('token', 'standard-webhooks')"
SECRETS = "token, basic: SHA-256 of each; standard-webhooks, github: the signing keys; newest first"
SECRETS_BEFORE = "token: SHA-256 of each; standard-webhooks: the signing keys; newest first"
UNPACKED = "of the first byte of the unit, in the push unpacked"
WINDOW = "refused since a day without any, or since a manager looked at them"


def upgrade() -> None:
    """Add what may be null or has a constant default: no row is rewritten."""
    for table in ("source", "decoding"):
        op.add_column(table, sa.Column("encoding", sa.String, comment="null: found out"))
        op.add_column(table, sa.Column("datum", sa.String, nullable=False, server_default="wgs84"))
    op.add_column("refusal", sa.Column("offset_bytes", sa.BigInteger, comment=UNPACKED))
    op.add_column(
        "source",
        sa.Column("refused_lately", sa.Integer, nullable=False, server_default=sa.text("0"),
                  comment=WINDOW),
    )  # fmt: skip
    op.add_column("source", sa.Column("refused_last_at", sa.DateTime(timezone=True)))
    op.add_column("source", sa.Column("refused_last_code", sa.String))
    _schemes(SCHEMES)
    op.alter_column("source", "secrets", comment=SECRETS, existing_comment=SECRETS_BEFORE)


def downgrade() -> None:
    """Take away the columns, and the sources that only this version lets in."""
    op.execute("update push set source_id = null where source_id in (select id from source"
               " where scheme in ('basic', 'github'))")  # fmt: skip
    op.execute("delete from source where scheme in ('basic', 'github')")
    _schemes(SCHEMES_BEFORE)
    op.alter_column("source", "secrets", comment=SECRETS_BEFORE, existing_comment=SECRETS)
    for name in ("refused_last_code", "refused_last_at", "refused_lately"):
        op.drop_column("source", name)
    op.drop_column("refusal", "offset_bytes")
    for table in ("source", "decoding"):
        op.drop_column(table, "datum")
        op.drop_column(table, "encoding")


def _schemes(allowed: str) -> None:
    op.drop_constraint(op.f("ck_source_scheme"), "source", type_="check")
    op.create_check_constraint(op.f("ck_source_scheme"), "source", allowed)
