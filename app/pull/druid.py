"""
Druid Technology (Ecotopia): GPS records of each device, by their own time.

Druid publishes no description of this interface. Addresses, headers and the login are those that
three public scripts agree on or differ in: the password is hashed with two fixed words, and how
they are joined differs, so that both ways are tried. A page begins after a time and goes forward
when asked with `x-result-sort: timestamp`; whether the bound itself is part of a page is not
known, so that pages begin a second earlier and known fixes count as duplicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

from pydantic import Field

from app.pull.page import Errand, Identifier, Page, Provider, PullFailed, Since
from app.pull.web import REFUSED, Signed, Web, records_of, text_of, unauthorised

PAGE_RECORDS = 1000
TOKEN = "x-druid-authentication"  # noqa: S105 - a header's name
JOINED = ("{user}druid{password}heifeng", "{user} + druid + {password} + heifeng")


class Settings(Since):
    """Which devices to ask for."""

    devices: list[Identifier] = Field(
        default=[], max_length=2000,
        description="the service's own id of each, not uuid or serial; none: all of the account",
    )  # fmt: skip


async def pages(errand: Errand, web: Web) -> AsyncGenerator[Page, None]:
    """Give the records of one device after the other, page by page."""
    signed = Signed(partial(_login, errand, web), web)
    devices = errand.settings.devices or await _devices(signed)
    cursor = dict(errand.cursor)
    for device in devices:
        passed = cursor.get(device)
        at = errand.begin(passed, errand.settings.since)
        while True:
            path = f"/v2/gps/device/{quote(device, safe='')}/page/{quote(_stamp(at), safe='')}"
            headers = {"x-result-limit": str(PAGE_RECORDS), "x-result-sort": "timestamp"}
            answer = await signed.ask("GET", path, headers=headers)
            times = [_time(record) for record in records_of(answer.json())]
            if not times:
                break
            last, full = max(times), len(times) >= PAGE_RECORDS
            if full and (times != sorted(times) or last - timedelta(seconds=1) <= at):
                raise PullFailed(
                    "answer-repeats",
                    f"Druid's pages of device {device} do not go forward in time.",
                    remedy="Upload that device as a file; tell the people of Flyways.",
                )
            # A tag whose clock runs ahead must not carry the cursor into the future.
            cursor[device] = passed = errand.end(passed, last)
            yield Page(dict(cursor), answer.pieces, "application/json")
            if not full:
                break
            at = last - timedelta(seconds=1)


async def _login(errand: Errand, web: Web) -> dict[str, str]:
    for joined in JOINED:
        mixed = joined.format(user=errand.username, password=errand.password)
        hashed = hashlib.sha256(mixed.encode()).hexdigest()
        body = {"username": errand.username, "password": hashed}
        answer = await web.ask("POST", "/v2/login", json=body)
        token = answer.headers.get(TOKEN)
        if token:
            return {TOKEN: token}
        if answer.status not in REFUSED | {400, 404}:
            break
    raise unauthorised("Druid", str(answer.status))


async def _devices(signed: Signed) -> list[str]:
    answer = await signed.ask(
        "GET", "/v3/device/page/", headers={"x-result-limit": str(PAGE_RECORDS)}
    )
    devices = records_of(answer.json())
    if len(devices) >= PAGE_RECORDS:
        raise PullFailed(
            "devices-too-many",
            f"The account has {PAGE_RECORDS} devices or more, of which one page is told.",
            remedy="Name the devices in the settings, in several connectors if need be.",
        )
    return sorted(text_of(device, "id") for device in devices)


def _time(record: dict[str, object]) -> datetime:
    try:
        at = datetime.fromisoformat(text_of(record, "timestamp"))
    except ValueError as error:
        raise PullFailed(
            "answer-unreadable",
            "A record of Druid bears a time that is none.",
            remedy="Upload that device as a file; tell the people of Flyways.",
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format="druid-json",
    base="https://www.ecotopiago.com/api",
    overlap_s=7 * 86_400,
)
