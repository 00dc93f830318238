"""Logs hold what happened and never what was sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.observe import REQUEST_SECONDS, WITHHELD, configure_logging, exposition


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("name", sorted(WITHHELD))
def test_a_value_that_must_not_be_logged_is_withheld(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", "json")
    structlog.get_logger("flyways").info("push kept", **{name: "flw_secret"}, units=3)
    (line,) = lines(capsys)
    assert line["units"] == 3
    assert line[name] == "(withheld)"


def test_a_traceback_names_the_error_and_no_variable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    payload = "126.1234,37.4321"
    try:
        _ = {}[0]
    except KeyError:
        structlog.get_logger("flyways").exception("decoding failed")
    assert payload
    printed = capsys.readouterr().err
    assert "KeyError" in printed
    assert "126.1234" not in printed


def test_logs_of_libraries_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "json")
    logging.getLogger("library").warning("lost %s", "connection")
    logging.getLogger("library").info("chatter")
    (line,) = lines(capsys)
    assert line["event"] == "lost connection"
    assert line["level"] == "warning"


def test_the_address_of_a_request_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("uvicorn.access").info("GET /?signin=abc")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "name", ["alembic.runtime.plugins", "asyncssh", "asyncssh.sftp", "procrastinate.jobs"]
)
def test_of_libraries_that_chatter_only_what_went_wrong_is_logged(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("debug", "json")
    logging.getLogger(name).info("Deferred 1 job")
    logging.getLogger(name).warning("lost")
    (line,) = lines(capsys)
    assert line["event"] == "lost"
    configure_logging("error", "json")
    logging.getLogger(name).warning("lost")
    assert lines(capsys) == []


def test_people_get_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console")
    structlog.get_logger("flyways").info("ready", port=8000)
    printed = capsys.readouterr().err
    assert "ready" in printed
    assert not printed.startswith("{")


def test_metrics_are_in_prometheus_text_form() -> None:
    REQUEST_SECONDS.labels("GET", "/health/live", "200").observe(0.003)
    text, media_type = exposition()
    assert b'flyways_request_seconds_count{method="GET",route="/health/live",status="200"}' in text
    assert media_type.startswith("text/plain")
