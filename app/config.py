"""Settings of the service: environment variables (or lines of `.env`) with the prefix FLYWAYS_."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT_DATA_DIR = Path("/var/lib/flyways")
"""Where root keeps the data: the database's own user can't enter root's home."""


_RATE = re.compile(
    r"\s*[0-9]+\s*(/|\s*per\s*)\s*([1-9][0-9]*)?\s*(second|minute|hour|day|month|year)s?",
    re.IGNORECASE,
)
"""What `limits` takes for one rate; to ask it would cost each command half a second."""
_DATABASE = re.compile(r"postgres(ql)?(\+\w+)?://")


def default_data_dir() -> Path:
    """Choose the data directory by the habits of the system."""
    if os.geteuid() == 0:
        return ROOT_DATA_DIR
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local/share") / "flyways"


def _networks(text: str) -> str:
    """Refuse what is no list of addresses: a name would be compared with addresses, in vain."""
    for part in text.split(",") if text else ():
        ip_network(part.strip())
    return text


class Settings(BaseSettings):
    """Everything that differs between two installations."""

    model_config = SettingsConfigDict(
        env_prefix="FLYWAYS_", env_file=".env", extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="embedded database and caches; `~/.local/share/flyways`, or "
        "`/var/lib/flyways` when run by root",
    )
    database_url: str | None = Field(
        None, description="a PostGIS database of your own instead of the embedded one"
    )
    demo: bool = Field(
        default=True, description="1: a simulated flock on the first start; 0: empty"
    )
    rate_limit: str = Field(
        "600/minute", description="requests per client address, as `number/unit`; `off` for none"
    )
    proxies: Annotated[str, AfterValidator(_networks)] = Field(
        "127.0.0.1",
        description="addresses or networks of proxies, with commas between them, that are believed"
        " whom they ask for (`X-Forwarded-For`) and how they were asked (`X-Forwarded-Proto`)",
    )
    body_max_bytes: PositiveInt = Field(
        256 * 1024 * 1024, description="largest request body [bytes]"
    )
    inbox_dir: Path | None = Field(
        None, description="folder of watched folders, one for each study, named by its id"
    )
    pull_bases: dict[str, str] = Field(
        default_factory=dict,
        description="other addresses of providers, as JSON: "
        '`{"movebank": "http://127.0.0.1:9000"}`; under `sftp` the one server within your network'
        " that connectors may ask, `sftp://10.0.0.5:22`",
    )
    pool_size: PositiveInt = Field(8, description="database connections of one process")
    statement_timeout_s: PositiveFloat = Field(
        10.0, description="longest that one statement of a request may run [s]"
    )
    shutdown_timeout_s: PositiveInt = Field(
        10, description="time that open requests get to finish when the service stops [s]"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severity that is logged"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` writes for people on a terminal and JSON lines elsewhere"
    )

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, told: str) -> str:
        if told != "off" and not _RATE.fullmatch(told):
            raise ValueError("give a number and a unit, such as 600/minute, or off")
        return told

    @field_validator("database_url")
    @classmethod
    def _is_an_address(cls, told: str | None) -> str | None:
        if told is not None and not _DATABASE.match(told):
            raise ValueError("give an address such as postgresql://user:password@host/database")
        return told

    @property
    def address(self) -> str:
        """The address a browser on this machine can open."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared only
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
