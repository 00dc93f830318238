"""
Lotek's web service: the positions of each device, by the time of their upload.

The interface is described by a client in production (PADAS/gundi-integration-lotek): a bad login
is 400, so is "no data", a new login ends the token before it, and positions show some time after
their upload.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from functools import partial

from pydantic import Field

from app.pull.page import Errand, Identifier, Page, Provider, PullFailed, Since
from app.pull.web import REFUSED, Answer, Signed, Web, records_of, text_of, unauthorised

BAD_REQUEST = 400


class Settings(Since):
    """Which devices to ask for."""

    devices: list[Identifier] = Field(
        default=[], max_length=2000, description="nDeviceID of each; none: all of the account"
    )


async def pages(errand: Errand, web: Web) -> AsyncGenerator[Page, None]:
    """Give the positions of one device after the other, each with a cursor of its own."""
    signed = Signed(partial(_login, errand, web), web)
    devices = errand.settings.devices or await _devices(signed)
    cursor = dict(errand.cursor)
    # A device that always fails must not keep the later ones from their turn.
    failed: list[PullFailed] = []
    for device in devices:
        try:
            answer = await _positions(errand, signed, device)
        except PullFailed as failure:
            if failure.code not in {"provider-failed", "answer-unreadable"}:
                raise
            failed.append(failure)
            continue
        cursor[device] = errand.end(errand.cursor.get(device), errand.now)
        yield Page(dict(cursor), answer.pieces if answer else None, "application/json")
    if failed:
        raise failed[0]


async def _login(errand: Errand, web: Web) -> dict[str, str]:
    form = {
        "grant_type": "password", "username": errand.username, "password": errand.password,
    }  # fmt: skip
    answer = await web.ask("POST", "/user/login", data=form)
    if answer.status in REFUSED | {BAD_REQUEST}:
        raise unauthorised("Lotek", str(answer.status))
    token = text_of(answer.json(), "access_token")
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


async def _devices(signed: Signed) -> list[str]:
    answer = await signed.ask("GET", "/devices")
    return sorted(text_of(device, "nDeviceID") for device in records_of(answer.json()))


async def _positions(errand: Errand, signed: Signed, device: str) -> Answer | None:
    begin = errand.begin(errand.cursor.get(device), errand.settings.since)
    query = {"deviceId": device, "from": _stamp(begin), "to": _stamp(errand.now)}
    answer = await signed.ask("GET", "/positions/findByUploadDate", params=query)
    if answer.status == BAD_REQUEST:  # its word for "no data"
        return None
    return answer if records_of(answer.json()) else None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format="lotek-json",
    base="https://webservice.lotek.com/API",
    alone=True,  # a second login would end the token of the first
)
