"""Bring a database to the schema this version is written for."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def upgrade(dsn: str) -> None:
    """Run the migrations that are missing; one process at a time, by an advisory lock."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", dsn.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
