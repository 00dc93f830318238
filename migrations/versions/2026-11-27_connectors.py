"""Connectors pull from providers; a push may come from one.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and the column that names a push's connector."""
    op.execute("""
        create table connector (
          id integer generated always as identity constraint pk_connector primary key,
          ref uuid not null default gen_random_uuid() constraint uq_connector_ref unique,
          study_id integer not null
            constraint fk_connector_study_id_study references study (id),
          name varchar not null,
          provider varchar not null,
          settings jsonb not null,
          username varchar not null default '',
          password varchar not null default '',
          format varchar,
          tz varchar not null default 'UTC',
          interval_s integer not null,
          overlap_s integer not null,
          settle_s integer not null,
          cursor jsonb not null default '{}'::jsonb,
          version integer not null default 0,
          failures integer not null default 0,
          problem jsonb,
          created_at timestamptz not null default clock_timestamp(),
          next_run_at timestamptz not null default clock_timestamp(),
          paused_at timestamptz,
          last_run_at timestamptz,
          last_success_at timestamptz,
          constraint ck_connector_schedule
            check (interval_s > 0 and overlap_s >= 0 and settle_s >= 0),
          constraint uq_connector_study_id_name unique (study_id, name)
        )
    """)
    op.execute(
        "comment on table connector is 'the cursor moves in the transaction that keeps the bytes"
        " before it; version counts edits, so that a pull under way knows of them'"
    )
    op.execute("comment on column connector.format is 'null: named by the bytes themselves'")
    op.execute(
        "comment on column connector.password is"
        " 'as the provider wants it; never read but by a pull'"
    )
    op.execute("alter table push add column connector_id integer")
    op.execute(
        "comment on column push.connector_id is 'no key: a deleted connector leaves its pushes'"
    )


def downgrade() -> None:
    """Forget connectors; what they brought stays."""
    op.execute("alter table push drop column connector_id")
    op.execute("drop table connector")
