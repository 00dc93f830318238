"""Instants and intervals as callers write them, over HTTP and on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

from app.api.schemas import INSTANT_MAX, INSTANT_MIN
from app.errors import BadInput

_DATED = re.compile(r"\d{4}-\d\d-\d\d([Tt ]|$)", re.ASCII)


def interval_of(text: str | None) -> tuple[datetime | None, datetime | None]:
    """Read an RFC 3339 instant or interval; an open end is `..` or empty."""
    if text is None:
        return None, None
    start, slash, end = text.partition("/")
    if not slash:
        return _instant(start, time.min), _instant(start, time.max)
    first = None if start in {"", ".."} else _instant(start, time.min)
    last = None if end in {"", ".."} else _instant(end, time.max)
    if first and last and first > last:
        raise _bad_interval()
    return first, last


def _instant(text: str, of_day: time) -> datetime:
    """Read an instant; a plain date stands for the whole UTC day."""
    if not _DATED.match(text):  # Python reads dates of weeks as well
        raise _bad_interval()
    try:
        found = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise _bad_interval() from error
    if len(text) == len("2020-03-01"):
        found = datetime.combine(found.date(), of_day, tzinfo=UTC)
    if found.tzinfo is None or not INSTANT_MIN <= found <= INSTANT_MAX:
        raise _bad_interval()
    return found.astimezone(UTC)


def _bad_interval() -> BadInput:
    return BadInput(
        "datetime is not an instant or interval.",
        code="datetime-invalid",
        remedy="Send RFC 3339 with a zone, such as 2020-03-01T00:00:00Z or "
        "2020-03-01T00:00:00Z/.., the earlier end first, years 1970 to 2099.",
    )
