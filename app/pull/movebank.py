"""
Movebank REST: the events of one study, by when Movebank last changed them.

Movebank's description of the interface (movebank/movebank-api-doc) names the licence handshake,
the attributes and `timestamp_start`; `update_ts_start` and `update_ts_end` are those that its own
mirror uses. An event that is deleted there is not told by the interface and stays here.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

from pydantic import Field, PositiveInt

from app.pull.page import Cursor, Errand, Identifier, Page, Provider, PullFailed, Since
from app.pull.web import REFUSED, Answer, Web, unauthorised

PATH = "/movebank/service/direct-read"
SPAN_MIN = timedelta(seconds=1)
"""A span is not divided further: an import at one instant is as large as it is."""
LICENCE_MAX_BYTES = 1 << 20
BEGIN = b"License Terms:"
NOTHING = (b"no data available", b"no data are available")


class Settings(Since):
    """What to ask Movebank for."""

    study_id: PositiveInt = Field(description="Movebank's number of the study")
    sensor_type_ids: list[PositiveInt] = Field(
        default=[653, 82798], max_length=20, description="653 GPS, 82798 Argos; none: all"
    )
    individuals: list[Identifier] = Field(default=[], max_length=200)
    accept_licence: bool = Field(
        default=False, description="true: you have read the study's licence terms and accept them"
    )


async def pages(errand: Errand, web: Web) -> AsyncGenerator[Page, None]:
    """Give what changed since the cursor; a span whose answer is too large is halved."""
    passed = errand.cursor.get("updated_until")
    first, last = errand.begin(passed, errand.settings.since), errand.now
    spans = [(first, last)]
    while spans:
        begin, end = spans.pop()
        try:
            answer = await _events(errand, web, begin, end)
        except PullFailed as failed:
            if failed.code != "answer-too-large" or end - begin <= SPAN_MIN:
                raise
            middle = begin + (end - begin) / 2
            spans += [(middle, end), (begin, middle)]
            continue
        cursor: Cursor = {"updated_until": errand.end(passed, end)}
        yield Page(cursor, answer.pieces if answer else None, "text/csv")


async def _events(errand: Errand, web: Web, begin: datetime, end: datetime) -> Answer | None:
    """Return the CSV of a span, or None where nothing changed; raises PullFailed."""
    settings: Settings = errand.settings
    query: dict[str, str] = {
        "entity_type": "event",
        "study_id": str(settings.study_id),
        "attributes": "all",
        "update_ts_start": _stamp(begin),
        "update_ts_end": _stamp(end),
    }
    if settings.sensor_type_ids:
        query["sensor_type_id"] = ",".join(map(str, settings.sensor_type_ids))
    if settings.individuals:
        query["individual_local_identifier"] = ",".join(settings.individuals)
    answer = await _ask(errand, web, query)
    if _is_licence(answer):
        if not settings.accept_licence:
            raise PullFailed(
                "licence-not-accepted",
                "Movebank shows licence terms of the study, which nobody has accepted.",
                remedy="Read them at movebank.org, then set accept_licence of the connector.",
            )
        query["license-md5"] = hashlib.md5(  # noqa: S324 - Movebank's handshake
            b"".join(answer.pieces())
        ).hexdigest()
        answer = await _ask(errand, web, query)
    return _table(answer)


async def _ask(errand: Errand, web: Web, query: dict[str, str]) -> Answer:
    answer = await web.ask("GET", PATH, params=query, auth=(errand.username, errand.password))
    if answer.status in REFUSED:
        raise unauthorised("Movebank", str(answer.status))
    return answer


def _is_licence(answer: Answer) -> bool:
    if answer.headers.get("accept-license", "").lower() == "true":
        return True
    # The mark may stand anywhere in the page; data begin with a header line and no mark-up.
    small = answer.size_bytes <= LICENCE_MAX_BYTES and _is_html(answer)
    return small and BEGIN in b"".join(answer.pieces())


def _is_html(answer: Answer) -> bool:
    return answer.head().lstrip().startswith(b"<") or "text/html" in answer.headers.get(
        "content-type", ""
    )


def _table(answer: Answer) -> Answer | None:
    head = answer.head()
    line = head.split(b"\n", 1)[0].lower()
    if b"timestamp" in line and not _is_html(answer):
        if not answer.ends_with(b"\n"):
            raise PullFailed(
                "answer-cut-off",
                "The table of Movebank ends in the middle of a line.",
                remedy="Nothing is to do: it is asked for again.",
            )
        # A header line alone says that nothing changed.
        return answer if head.rstrip(b"\r\n").count(b"\n") else None
    if any(mark in head.lower() for mark in NOTHING):
        return None
    raise PullFailed(
        "answer-no-data",
        f"Movebank answers {answer.status} with a page for people instead of a table.",
        remedy="Check the number of the study, and at movebank.org that the account may download"
        " its data.",
    )


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S") + f"{at.microsecond // 1000:03}"


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format="movebank-csv",
    base="https://www.movebank.org",
    alone=True,
)
