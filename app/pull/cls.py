"""
CLS telemetry service (Argos, Kineis): realtime by its checkpoint, the past in bulk.

CLS, API Telemetry User Manual 1.2, as far as PADAS/gundi-integration-kineis tells it. Realtime
knows what came after a checkpoint of the last hour, revised Doppler fixes included; who was away
for longer asks for the time between in bulk. The manual does not say which time bulk selects by:
the overlap is wide for that reason.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pydantic import Field, JsonValue

from app.pull.page import Cursor, Errand, Identifier, Page, Provider, PullFailed, Since
from app.pull.web import REFUSED, Answer, Signed, Web, records_of, text_of, unauthorised

PATH = "/telemetry/api/v1"
ACCOUNT = "https://account.groupcls.com"
LOGIN = "/auth/realms/cls/protocol/openid-connect/token"
PAGE_MESSAGES = 2500
CHECKPOINT_LASTS = timedelta(minutes=55)
"""The service takes checkpoints of the last hour; a little less, as clocks differ."""
BAD_REQUEST = 400
WANTED = {
    "retrieveMetadata": True,
    "retrieveRawData": True,
    "retrieveGpsLoc": True,
    "retrieveDoppler": True,
    "retrieveSensors": True,
    "datetimeFormat": "DATETIME",
}


class Settings(Since):
    """Which devices to ask for."""

    devices: list[Identifier] = Field(
        default=[], max_length=2000, description="deviceRef of each; none: all of the account"
    )


async def pages(errand: Errand, web: Web) -> AsyncGenerator[Page, None]:
    """Give what bulk has of the time away, if any, then what realtime has."""
    signed = Signed(partial(_login, errand, web), web)
    cursor = dict(errand.cursor)
    checkpoint = cursor.get("checkpoint")
    seen = cursor.get("seen")
    lasts = isinstance(seen, str) and errand.now - datetime.fromisoformat(seen) < CHECKPOINT_LASTS
    answer = await _realtime(errand, signed, checkpoint) if checkpoint and lasts else None
    if answer is None:
        async for page in _bulk(errand, signed, cursor):
            cursor = page.cursor
            yield page
        answer = await _realtime(errand, signed, 0)
        if answer is None:
            raise PullFailed(
                "answer-no-data",
                "CLS refuses to begin with realtime telemetry.",
                remedy="Ask CLS whether the account has the role api_telemetry_realtime.",
            )
    found = answer.json()
    ahead: Cursor = {
        "checkpoint": int(text_of(found, "checkpoint")),
        "seen": errand.now.isoformat(),
        "until": errand.end(cursor.get("until"), errand.now),
    }
    yield Page(ahead, _messages(answer, found), "application/json")


async def _login(errand: Errand, web: Web) -> dict[str, str]:
    form = {
        "grant_type": "password", "client_id": "api-telemetry",
        "username": errand.username, "password": errand.password,
    }  # fmt: skip
    # The operator's other address stands for both of the provider's.
    url = ACCOUNT + LOGIN if web.base == PROVIDER.base else None
    answer = await web.ask("POST", LOGIN, url=url, data=form)
    if answer.status in REFUSED | {BAD_REQUEST}:
        raise unauthorised("CLS", str(answer.status))
    return {"Authorization": f"Bearer {text_of(answer.json(), 'access_token')}"}


def _wanted(errand: Errand) -> dict[str, Any]:
    devices = errand.settings.devices
    return WANTED | ({"deviceRefs": devices} if devices else {})


async def _realtime(errand: Errand, signed: Signed, checkpoint: Any) -> Answer | None:
    """Return what came after a checkpoint; None where the service no longer takes it."""
    body = _wanted(errand) | {"fromCheckpoint": checkpoint}
    answer = await signed.ask("POST", f"{PATH}/retrieve-realtime", json=body)
    return None if answer.status == BAD_REQUEST else answer


async def _bulk(errand: Errand, signed: Signed, cursor: Cursor) -> AsyncGenerator[Page, None]:
    """Give the pages between what was seen last and now; a broken series is taken up again."""
    begun = cursor.get("series")
    series: dict[str, JsonValue] = dict(begun) if isinstance(begun, dict) else {}
    if not series:
        begin = errand.begin(cursor.get("until"), errand.settings.since)
        series = {"from": _stamp(begin), "to": _stamp(errand.now), "after": None}
    until = cursor.get("until")
    while True:
        after = {} if series["after"] is None else {"after": series["after"]}
        body = _wanted(errand) | {
            "fromDatetime": series["from"], "toDatetime": series["to"],
            "pagination": {"first": PAGE_MESSAGES, **after},
        }  # fmt: skip
        answer = await signed.ask("POST", f"{PATH}/retrieve-bulk", json=body)
        if answer.status == BAD_REQUEST and series["after"] is not None:
            series = {**series, "after": None}  # the place in a series lasts a while only
            continue
        found = answer.json()
        info = found.get("pageInfo") if isinstance(found, dict) else None
        body_of = _messages(answer, found)
        if not isinstance(info, dict) or not info.get("hasNextPage"):
            reached = datetime.fromisoformat(str(series["to"]))
            yield Page({"until": errand.end(until, reached)}, body_of, "application/json")
            return
        following = text_of(info, "endCursor")
        if following == series["after"]:
            raise PullFailed(
                "answer-repeats",
                "CLS gives the same page of bulk telemetry again and again.",
                remedy="Nothing is to do if it passes; else ask CLS.",
            )
        series = {**series, "after": following}
        yield Page({"until": until, "series": series}, body_of, "application/json")


def _messages(answer: Answer, found: Any) -> Any:
    return answer.pieces if records_of(found, "contents") else None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format="cls-json",
    base="https://api.groupcls.com",
    interval_s=600,
    overlap_s=6 * 3600,
    settle_s=6 * 3600,
)
