"""A pull: page and cursor in one transaction, one at a time, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pull import run, web
from app.pull.run import pull
from app.store import connectors
from app.store.engine import Store, execute
from tests.pull.conftest import NOW, Bench, bench_in
from tests.pull.stub import FAULTS, Asked, Reply, serving
from tests.pull.test_movebank import DAY, FIRST, SETTINGS, Movebank

MINUTE = timedelta(minutes=1)
SETTLE = timedelta(hours=1)


class Late(Movebank):
    """Movebank whose records may show some time after the moment of change they bear."""

    now = NOW

    def __init__(self) -> None:
        super().__init__()
        self.shows: list[tuple[datetime, datetime, datetime]] = []  # shown, changed, time

    def answer(self, asked: Asked) -> Reply:
        self.events = [(changed, "A", time) for at, changed, time in self.shows if at <= self.now]
        return super().answer(asked)


RECORD = st.tuples(
    st.integers(0, 600), st.integers(0, int(SETTLE.total_seconds() // 60)), st.integers(0, 40)
)
"""Minute of change, minutes until it shows, hour of the fix (the same hour may come again)."""
PULL = st.tuples(st.integers(1, 200), st.none() | st.sampled_from(sorted(FAULTS)))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, max_size=12), st.lists(PULL, min_size=1, max_size=5))
def test_whatever_fails_and_however_late_records_show_all_come_once(
    shared_database: str, records: list[tuple[int, int, int]], pulls: list[tuple[int, str | None]]
) -> None:
    asyncio.run(_all_come_once(shared_database, records, pulls))


async def _all_come_once(
    dsn: str, records: list[tuple[int, int, int]], pulls: list[tuple[int, str | None]]
) -> None:
    store = Store(dsn, pool_size=3, pool_wait_s=30, statement_timeout_s=60)
    try:
        bench = await bench_in(store)
        with serving(Late()) as service:
            for changed, late, hour in records:
                at = NOW + changed * MINUTE
                service.shows.append((at + late * MINUTE, at, FIRST + hour * timedelta(hours=1)))
            connector = await bench.connect(
                "movebank", service.base, settings=SETTINGS, overlap_s=0,
                settle_s=int(SETTLE.total_seconds()),
            )  # fmt: skip
            for wait, fault in pulls:
                service.now += wait * MINUTE
                service.faults = [fault]
                await bench.pull(connector, service.now)
            service.faults, service.now = [], max(service.now, NOW + DAY)
            await bench.pull(connector, service.now)
            assert await bench.code(connector) is None
        hours = sorted({hour for _, _, hour in records})
        expected = [("A", FIRST + hour * timedelta(hours=1)) for hour in hours]
        assert await bench.fixes() == expected
    finally:
        await store.close()


async def test_what_shows_within_the_settle_time_is_not_passed_over(bench: Bench) -> None:
    with serving(Late()) as service:
        service.shows = [(NOW + 30 * MINUTE, NOW - MINUTE, FIRST)]
        connector = await bench.connect(
            "movebank", service.base, settings=SETTINGS, overlap_s=0, settle_s=3600
        )
        assert await bench.pull(connector, NOW) == 0
        service.now = NOW + 2 * MINUTE * 30
        assert await bench.pull(connector, service.now) == 1


async def test_two_at_once_are_one(bench: Bench) -> None:
    with serving(Movebank()) as service:
        service.events = [(NOW - DAY, "A", FIRST)]
        connector = await bench.connect("movebank", service.base, settings=SETTINGS)
        done = await asyncio.gather(
            *(pull(bench.store, connector, bench.around, now=NOW) for _ in range(2))
        )
        assert sorted(done, key=str) == [1, None]
        assert len(service.asked) == 1


async def test_connectors_of_a_provider_that_wants_one_request_take_turns(bench: Bench) -> None:
    with serving(Movebank()) as service:
        first, second = [
            await bench.connect("movebank", service.base, settings=SETTINGS) for _ in range(2)
        ]
        async with connectors.locked(bench.store, first, provider="movebank") as mine:
            assert mine
            assert await bench.pull(second) is None
        assert await bench.pull(second) == 0


@pytest.mark.parametrize("change", ["delete", "pause", "edit"])
async def test_who_is_overtaken_keeps_nothing_more(bench: Bench, change: str) -> None:
    statement = {
        "delete": "delete from connector where id = :id",
        "pause": "update connector set paused_at = now(), version = version + 1 where id = :id",
        "edit": "update connector set version = version + 1 where id = :id",
    }[change]
    with serving(Movebank()) as service:
        service.events = [(NOW - DAY, "A", FIRST)]
        connector = await bench.connect("movebank", service.base, settings=SETTINGS)
        sound, loop = service.answer, asyncio.get_running_loop()

        async def changed() -> None:
            async with bench.store.write() as conn:
                await execute(conn, statement, {"id": connector})

        def meanwhile(asked: Asked) -> Reply:
            asyncio.run_coroutine_threadsafe(changed(), loop).result(10)
            return sound(asked)

        service.answer = meanwhile
        assert await bench.pull(connector) == 0
    assert await bench.bodies() == []


async def test_who_is_killed_between_pages_goes_on_where_the_last_was_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that was being kept when the end came leaves no trace; its cursor stays behind."""
    kept = run._keep
    calls: list[Any] = []

    async def dies(*words: Any) -> int:
        calls.append(words)
        if len(calls) == 2:
            raise asyncio.CancelledError
        return await kept(*words)

    with serving(Movebank()) as service:
        times = [FIRST + n * timedelta(hours=1) for n in range(6)]
        service.events = [(time, "A", time) for time in times]
        monkeypatch.setattr(web, "ANSWER_MAX_BYTES", 500)
        connector = await bench.connect("movebank", service.base, settings=SETTINGS)
        monkeypatch.setattr(run, "_keep", dies)
        with pytest.raises(asyncio.CancelledError):
            await bench.pull(connector)
        passed = (await bench.state(connector))["cursor"]
        assert passed
        monkeypatch.setattr(run, "_keep", kept)
        assert await bench.pull(connector) is not None
        assert await bench.code(connector) is None
    assert await bench.fixes() == [("A", time) for time in times]


async def test_failures_wait_longer_each_time_and_success_forgets_them(bench: Bench) -> None:
    with serving(Movebank()) as service:
        connector = await bench.connect("movebank", service.base, settings=SETTINGS)
        waits = []
        for _ in range(6):
            service.faults = ["broken"]
            await bench.pull(connector)
            waits.append((await bench.state(connector))["next_run_at"] - NOW)
        assert waits == [timedelta(seconds=s) for s in (*run.BACKOFF_S, run.BACKOFF_S[-1])]
        await bench.pull(connector)
        assert (await bench.state(connector))["failures"] == 0


async def test_an_address_that_credentials_must_not_go_to_is_not_asked(bench: Bench) -> None:
    for base in ("http://example.org", "ftp://127.0.0.1", "https://"):
        connector = await bench.connect("movebank", base, settings=SETTINGS)
        assert await bench.pull(connector) == 0
        assert await bench.code(connector) == "address-refused"


async def test_a_fault_of_ours_is_told_and_tried_again_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run, "_pages", broken)
    with serving(Movebank()) as service:
        connector = await bench.connect("movebank", service.base, settings=SETTINGS)
        assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "internal-error"
