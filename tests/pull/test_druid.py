"""Druid: pages by the time of the last record, and a password hashed in either way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from app.pull import druid
from tests.pull.conftest import NOW, PASSWORD, Bench
from tests.pull.stub import Asked, Reply, Service, serving

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Druid(Service):
    """GPS records of devices; whether a page holds its bound is not known of the real service."""

    def __init__(self) -> None:
        super().__init__()
        self.mixed = f"medruid{PASSWORD}heifeng"
        self.records: list[tuple[str, datetime]] = []
        self.token, self.forward = "t1", True

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/v2/login":
            hashed = hashlib.sha256(self.mixed.encode()).hexdigest()
            if asked.json != {"username": "me", "password": hashed}:
                return Reply.of({"message": "no"}, 401)
            return Reply.of({}, **{"X-Druid-Authentication": self.token})
        if asked.headers.get("x-druid-authentication") != self.token:
            return Reply.of({"message": "expired"}, 401)
        if asked.path == "/v3/device/page/":
            return Reply.of([{"id": name, "uuid": f"u{name}"} for name in
                             sorted({name for name, _ in self.records})])  # fmt: skip
        _, _, _, _, name, _, bound = asked.path.split("/")
        after = datetime.fromisoformat(unquote(bound))
        limit = int(asked.headers["x-result-limit"])
        assert asked.headers["x-result-sort"] == "timestamp"
        times = sorted(time for each, time in self.records if each == name and time > after)
        shown = times[:limit] if self.forward else times[::-1][:limit]
        return Reply.of([
            {"uuid": f"u{name}", "timestamp": f"{time:%Y-%m-%dT%H:%M:%SZ}", "latitude": 43.5,
             "updated_at": f"{time:%Y-%m-%dT%H:%M:%SZ}", "longitude": 119.2, "altitude": 610.0}
            for time in shown
        ])  # fmt: skip


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Druid]:
    monkeypatch.setattr(druid, "PAGE_RECORDS", 3)
    with serving(Druid()) as made:
        yield made


async def test_pages_are_joined_and_late_records_come_with_the_overlap(
    bench: Bench, service: Druid
) -> None:
    service.records = [("a", FIRST + n * HOUR) for n in range(8)] + [("b", FIRST)]
    connector = await bench.connect("druid", service.base)
    assert await bench.pull(connector) == 5  # a: 3, 3, 3 and 2 with one hour twice each; b: 1
    service.records += [("a", FIRST + 1.5 * HOUR), ("a", FIRST + 9 * HOUR)]
    await bench.pull(connector, NOW + HOUR)
    assert await bench.code(connector) is None
    expected = sorted((f"u{name}", time) for name, time in service.records)
    assert await bench.fixes() == expected


async def test_the_other_way_to_hash_is_tried_and_a_wrong_password_told(
    bench: Bench, service: Druid
) -> None:
    service.records = [("a", FIRST)]
    service.mixed = f"me + druid + {PASSWORD} + heifeng"
    assert await bench.pull(await bench.connect("druid", service.base)) == 1
    service.mixed = "another"
    connector = await bench.connect("druid", service.base)
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "credentials-refused"


async def test_a_token_that_ends_in_the_middle_is_replaced(bench: Bench, service: Druid) -> None:
    service.records = [("a", FIRST + n * HOUR) for n in range(8)]
    sound = service.answer

    def ends(asked: Asked) -> Reply:
        if len(service.asked) == 4:
            service.token = "t2"
        return sound(asked)

    service.answer = ends
    connector = await bench.connect("druid", service.base)
    await bench.pull(connector)
    assert await bench.code(connector) is None
    assert len(await bench.fixes()) == 8


async def test_pages_that_do_not_go_forward_end_with_a_reason(bench: Bench, service: Druid) -> None:
    service.records = [("a", FIRST + n * HOUR) for n in range(8)]
    service.forward = False
    connector = await bench.connect("druid", service.base)
    await bench.pull(connector)
    assert await bench.code(connector) == "answer-repeats"


async def test_a_clock_that_runs_ahead_does_not_carry_the_cursor_along(
    bench: Bench, service: Druid
) -> None:
    service.records = [("a", NOW + timedelta(days=300))]
    connector = await bench.connect("druid", service.base)
    await bench.pull(connector)
    passed = datetime.fromisoformat((await bench.state(connector))["cursor"]["a"])
    assert passed < NOW
