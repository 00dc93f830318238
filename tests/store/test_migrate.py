"""Migrations: once each, by one process at a time, whatever the password holds."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from app.store.health import newest_revision
from app.store.migrate import MIGRATIONS, upgrade


def test_a_database_that_is_up_to_date_stays_as_it_is(database) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("create table mine as select 1 as n")
    upgrade(database)
    with psycopg.connect(database) as conn:
        assert conn.execute("select version_num from alembic_version").fetchall() == [
            (newest_revision(),)
        ]
        assert conn.execute("select n from mine").fetchall() == [(1,)]


@pytest.mark.parametrize("password", ["plain", "per%cent", "%(here)s", "p%40t"])
def test_the_address_passes_as_it_is(monkeypatch, password) -> None:
    """The settings of Alembic take a percent sign for the beginning of a name."""
    seen: dict[str, object] = {}

    def look(config: Config, revision: str) -> None:
        seen.update(url=config.get_main_option("sqlalchemy.url"), revision=revision,
                    place=config.get_main_option("script_location"))  # fmt: skip

    monkeypatch.setattr(command, "upgrade", look)
    dsn = f"postgresql://flyways:{password}@db/flyways"
    upgrade(dsn)
    assert seen == {"url": dsn, "revision": "head", "place": str(MIGRATIONS)}
    assert (Path(str(seen["place"])) / "env.py").is_file()
