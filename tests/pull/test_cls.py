"""CLS: bulk for the time away, then realtime by checkpoint; tokens, page limits, lost places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.pull import cls
from app.store.engine import execute
from tests.pull.conftest import NOW, PASSWORD, Bench
from tests.pull.stub import Asked, Reply, Service, serving

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


class Cls(Service):
    """Messages with the moment they came in, by which both ways select."""

    now = NOW

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.lasts, self.used = 0, 1000, 0
        self.messages: list[datetime] = []

    def answer(self, asked: Asked) -> Reply:
        if asked.path == cls.LOGIN:
            form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
            assert (form["grant_type"], form["client_id"]) == ("password", "api-telemetry")
            if form["password"] != PASSWORD:
                return Reply.of({"error": "invalid_grant"}, 401)
            self.tokens, self.used = self.tokens + 1, 0
            return Reply.of({"access_token": f"t{self.tokens}", "expires_in": 300})
        self.used += 1
        if asked.headers.get("authorization") != f"Bearer t{self.tokens}" or self.used > self.lasts:
            return Reply.of({}, 401)
        answers = {"retrieve-bulk": self.bulk, "retrieve-realtime": self.realtime}
        return answers[asked.path.rpartition("/")[2]](asked.json)

    def realtime(self, body: dict[str, Any]) -> Reply:
        since = body["fromCheckpoint"]
        if since and since < millis(self.now - HOUR):
            return Reply.of({"code": "INVALID_CHECKPOINT"}, 400)
        since = since or millis(self.now - 6 * HOUR)
        found = [at for at in self.messages if since <= millis(at) < millis(self.now)]
        return Reply.of({"contents": list(map(message, found)), "checkpoint": millis(self.now)})

    def bulk(self, body: dict[str, Any]) -> Reply:
        begin, end = body["fromDatetime"], body["toDatetime"]
        assert begin.endswith("Z")
        known = sorted(at for at in self.messages if at < self.now)
        found = [at for at in known if begin <= f"{at:%Y-%m-%dT%H:%M:%S.000Z}" <= end]
        place = body["pagination"].get("after")
        if place == "lost":
            return Reply.of({"code": "INVALID_CURSOR"}, 400)
        first = int(place or 0)
        until = first + body["pagination"]["first"]
        return Reply.of({
            "contents": list(map(message, found[first:until])),
            "pageInfo": {"hasNextPage": until < len(found), "endCursor": str(until)},
        })  # fmt: skip


def message(at: datetime) -> dict[str, Any]:
    time = f"{at:%Y-%m-%dT%H:%M:%S.000}"
    return {"deviceMsgUid": 4663303027064391301, "msgType": "operation-mo-pdrgroup",
            "deviceUid": 106499, "deviceRef": "45009", "msgDatetime": time, "acqDatetime": time,
            "gpsLocDatetime": time, "gpsLocLat": 43.5, "gpsLocLon": 119.2}  # fmt: skip


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cls]:
    monkeypatch.setattr(cls, "PAGE_MESSAGES", 3)
    with serving(Cls()) as made:
        yield made


async def pull(bench: Bench, service: Cls, connector: int, at: datetime) -> int | None:
    service.now = at
    return await bench.pull(connector, at)


async def test_bulk_fills_the_past_and_realtime_goes_on_from_its_checkpoint(
    bench: Bench, service: Cls
) -> None:
    service.messages = [NOW - n * timedelta(days=1) for n in range(1, 8)]
    connector = await bench.connect("cls", service.base)
    assert await pull(bench, service, connector, NOW) == 3
    service.messages.append(NOW + 5 * MINUTE)
    assert await pull(bench, service, connector, NOW + 10 * MINUTE) == 1
    assert service.asked[-1].json["fromCheckpoint"] == millis(NOW)
    # Away for a day: the checkpoint is too old, bulk fills the time between.
    service.messages += [NOW + 3 * HOUR, NOW + 23 * HOUR]
    await pull(bench, service, connector, NOW + 24 * HOUR)
    assert await bench.code(connector) is None
    assert [time for _, time in await bench.fixes()] == sorted(service.messages)


async def test_a_checkpoint_that_is_refused_is_filled_up_in_bulk(
    bench: Bench, service: Cls
) -> None:
    connector = await bench.connect("cls", service.base)
    await pull(bench, service, connector, NOW)
    service.messages = [NOW + 5 * MINUTE]
    service.now = NOW + 2 * HOUR  # by the clock of the service more time has passed
    assert await bench.pull(connector, NOW + 50 * MINUTE) == 2
    assert await bench.code(connector) is None
    assert len(await bench.fixes()) == 1


async def test_a_token_lasts_less_than_a_series_and_a_broken_series_is_taken_up(
    bench: Bench, service: Cls
) -> None:
    service.messages = [NOW - n * timedelta(days=1) for n in range(1, 12)]
    service.lasts = 2
    service.faults = [None, None, None, None, None, "broken"]
    connector = await bench.connect("cls", service.base)
    kept = await pull(bench, service, connector, NOW)
    assert await bench.code(connector) == "provider-failed"
    series = (await bench.state(connector))["cursor"]["series"]
    assert series["after"] == str(3 * (kept or 0))
    await pull(bench, service, connector, NOW + 10 * MINUTE)
    assert await bench.code(connector) is None
    assert [time for _, time in await bench.fixes()] == sorted(service.messages)
    assert service.tokens >= 3


async def test_a_place_in_a_series_that_was_lost_begins_it_again(
    bench: Bench, service: Cls
) -> None:
    service.messages = [datetime(2026, 5, 1, tzinfo=UTC)]
    connector = await bench.connect("cls", service.base)
    async with bench.store.write() as conn:
        await execute(
            conn,
            'update connector set cursor = \'{"until": null, "series": {"from":'
            ' "2026-04-01T00:00:00.000Z", "to": "2026-05-30T00:00:00.000Z", "after": "lost"}}\''
            " where id = :id", {"id": connector},
        )  # fmt: skip
    await pull(bench, service, connector, NOW)
    assert await bench.code(connector) is None
    assert len(await bench.fixes()) == 1


async def test_a_wrong_password_is_told(bench: Bench, service: Cls) -> None:
    connector = await bench.connect("cls", service.base, password="other")
    await pull(bench, service, connector, NOW)
    assert await bench.code(connector) == "credentials-refused"


async def test_pages_that_repeat_end_with_a_reason(
    bench: Bench, service: Cls, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"contents": [], "pageInfo": {"hasNextPage": True, "endCursor": "1"}}
    monkeypatch.setattr(service, "bulk", lambda _: Reply.of(page))
    connector = await bench.connect("cls", service.base)
    await pull(bench, service, connector, NOW)
    assert await bench.code(connector) == "answer-repeats"
