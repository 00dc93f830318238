"""Run migrations: one at a time (advisory lock), never waiting long, one transaction each."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine, pool, text
from sqlalchemy.engine import make_url

from app.store.tables import metadata

LOCK = 7_206_001  # any number that no other advisory lock of the service uses
LOCK_TIMEOUT_MS = 4000
STATEMENT_TIMEOUT_MS = 600_000
OWN_SCHEMA = "public"


def _url() -> str:
    url = context.get_x_argument(as_dictionary=True).get("url")
    url = url or context.config.get_main_option("sqlalchemy.url")
    url = url or os.environ.get("FLYWAYS_DATABASE_URL", "postgresql:///flyways")
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def include_name(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """Leave PostGIS' own tables out of the comparison of models and database."""
    del parents
    return kind != "table" or name in metadata.tables


def run_online() -> None:
    """Migrate a database."""
    engine = create_engine(_url(), poolclass=pool.NullPool)
    with engine.connect() as conn:
        conn.execute(text("select pg_advisory_lock(:n)"), {"n": LOCK})
        conn.execute(text(f"set lock_timeout = {LOCK_TIMEOUT_MS}"))
        conn.execute(text(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}"))
        conn.commit()
        context.configure(
            connection=conn,
            target_metadata=metadata,
            include_name=include_name,
            transaction_per_migration=True,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(
        url=_url(),
        target_metadata=metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.execute(f"set lock_timeout = {LOCK_TIMEOUT_MS}")
        context.execute(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}")
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
