"""Settings come from the environment and are checked at the door."""

from __future__ import annotations

from pathlib import Path

import pytest
from limits import parse
from pydantic import ValidationError

from app.config import Settings, default_data_dir


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from a developer's own .env
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FLYWAYS_{name.upper()}", raising=False)


def test_the_defaults_serve_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url is None
    assert settings.demo


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("FLYWAYS_PORT=8001\nFLYWAYS_DEMO=0\nOTHER=1\n")
    monkeypatch.setenv("FLYWAYS_PORT", "8002")
    settings = Settings()
    assert settings.port == 8002
    assert not settings.demo


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "70000"),
        ("POOL_SIZE", "0"),
        ("LOG_LEVEL", "loud"),
        ("RATE_LIMIT", "lots"),
        ("RATE_LIMIT", "600"),
        ("RATE_LIMIT", "6/fortnight"),
        ("RATE_LIMIT", "1/minute;"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://me@db/flyways"),
        ("PROXIES", "*"),
        ("PROXIES", "proxy.example"),
        ("PROXIES", "10.0.0.1/8"),
        ("PROXIES", ","),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"FLYWAYS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize("told", ["600/minute", "5 per 2 hours", "10/Second", "1 per day"])
def test_a_rate_that_is_taken_is_one_that_the_web_process_understands(told: str) -> None:
    assert parse(Settings(rate_limit=told).rate_limit).amount > 0


@pytest.mark.parametrize("value", ["", "10.0.0.7", "10.0.0.0/8, ::1,fd00::/8"])
def test_proxies_are_addresses_and_networks(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWAYS_PROXIES", value)
    assert Settings().proxies == value


def test_settings_do_not_change_while_running() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("birds.example", "http://birds.example:8000"),
    ],
)
def test_the_address_can_be_opened_in_a_browser(host: str, address: str) -> None:
    assert Settings(host=host).address == address


def test_data_live_where_the_system_expects_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "flyways"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/flyways")
