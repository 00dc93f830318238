"""Settings of the service: environment variables with the prefix FLYWAYS_."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that differs between two installations."""

    model_config = SettingsConfigDict(env_prefix="FLYWAYS_", env_file=".env", extra="ignore")

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path("data")
    database_url: str | None = None
    demo: bool = True
    rate_limit: str = "600/minute"
    body_max_bytes: int = 256 * 1024 * 1024
