"""Habitat use from bytes to days: sums agree, any window gives what a rebuild gives."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.movement.protection import State, class_of
from app.movement.track import DAY_US, HOUR_US
from app.pipeline.decode import decode_push
from app.pipeline.habitat import habitat
from app.pipeline.receive import reading, receive
from app.pipeline.screen import Window, screen
from app.pipeline.segment import Segmented, segment
from app.pipeline.smooth import smooth
from app.store import inbox, layers, work
from app.store.audience import PIPELINE
from app.store.engine import Store, execute
from app.store.windows import FAR_FUTURE, FAR_PAST, load_fixes, micros
from tests.movement.journeys import fly
from tests.store.test_layers import SOURCE, polygons, raster

START = datetime(2024, 9, 1, tzinfo=UTC)
COLUMNS = "day, kind, season, species_key, bird_days, release_at"


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def csv(track, rows) -> bytes:
    head = "event-id,timestamp,location-long,location-lat,sensor-type,"
    head += "individual-local-identifier,tag-local-identifier,individual-taxon-canonical-name"
    lines = [head]
    for i in rows:
        time = START + timedelta(microseconds=int(track.time_us[i]))
        lines.append(
            f"{i},{time:%Y-%m-%d %H:%M:%S}.000,{track.lon[i]:.6f},{track.lat[i]:.6f},gps,"
            "A01,T01,Grus vipio"
        )
    return "\n".join(lines).encode() + b"\n"


class Station:
    """A study with a boundary, reserves and land cover, and the stages up to habitat use."""

    def __init__(self, store: Store, study_id: int) -> None:
        self.store, self.study_id = store, study_id
        self.windows: list[Window] = []

    async def push(self, body: bytes) -> None:
        kept = await receive(
            self.store, inbox.Delivery(self.study_id), reading(None, None), pieces(body)
        )
        await decode_push(self.store, kept.decoding_id)
        await self.derive()

    async def derive(self) -> None:
        async with self.store.read() as conn:
            birds = (await work.waiting(conn, limit=10)).individuals
        for bird in birds:
            async with self.store.write() as conn:
                span = await work.take_span(conn, bird)
                assert span is not None
                self.windows.append(await screen(conn, span))
                self.found = await segment(conn, *await smooth(conn, self.windows[-1]))
                await habitat(conn, self.found)

    async def rebuild(self) -> None:
        async with self.store.write() as conn:
            await work.mark_all_dirty(conn)
        await self.derive()

    async def rows(self, sql: str) -> list[dict]:
        async with self.store.read() as conn:
            return await execute(conn, sql)

    async def content(self) -> tuple[list[dict], list[dict]]:
        presence = await self.rows(f"select {COLUMNS} from presence_day order by day, kind")
        use = await self.rows(
            f"select layer_id, class_id, {COLUMNS} from use_day"
            " order by layer_id, day, kind, class_id"
        )
        return presence, use


@pytest.fixture
async def station(database):
    store = Store(database, pool_size=2, statement_timeout_s=60)
    async with store.write() as conn:
        rows = await execute(
            conn,
            "with i as (insert into institute (name) values ('Amur') returning id)"
            " insert into study (institute_id, name, release_delay_s)"
            " select id, 'Cranes', 3600 from i returning id",
        )
        study = rows[0]["id"]
        areas = polygons(North=(100, 44, 130, 60), South=(100, 20, 130, 44))
        await layers.add_polygon_layer(conn, None, "Areas", SOURCE, areas, kind="boundary")
        reserves = polygons(marsh=(114, 49, 116, 51), core=(114.9, 49.9, 115.1, 50.1))
        await layers.add_polygon_layer(conn, study, "Reserves", SOURCE, reserves)
        cells = np.random.default_rng(2).integers(0, 4, (40, 30))
        await layers.add_raster_layer(conn, study, "Cover", SOURCE, raster(cells, nodata=3))
    yield Station(store, study)
    await store.close()


def journey():
    """A crane's autumn with a silence of 9 days, and one of 30 hours."""
    track = fly(11, stays=5).track
    days = track.time_us / DAY_US
    kept = ~((days > 6) & (days < 15)) & ~((days > 20.3) & (days < 21.6))
    return track.take(kept)


async def test_every_observed_second_is_in_one_class_of_every_layer(station):
    track = journey()
    await station.push(csv(track, range(len(track))))
    presence, use = await station.content()
    step = np.diff(track.time_us[: len(track)])
    observed = step[step <= 7 * DAY_US].sum() / DAY_US
    assert sum(row["bird_days"] for row in presence) == pytest.approx(observed, abs=0.05)
    by_day = {(row["day"], row["kind"]): row for row in presence}
    sums: dict = defaultdict(float)
    for row in use:
        sums[row["layer_id"], row["day"], row["kind"]] += row["bird_days"]
        same = by_day[row["day"], row["kind"]]
        assert (row["season"], row["release_at"]) == (same["season"], same["release_at"])
    assert len(sums) == 3 * len(presence)
    for (_, day, kind), days in sums.items():
        assert days == pytest.approx(by_day[day, kind]["bird_days"], abs=1e-9)
    assert {row["kind"] for row in presence} > {"travel"}
    full = defaultdict(float)
    for row in presence:
        full[row["day"]] += row["bird_days"]
    assert max(full.values()) <= 1 + 1e-9


async def test_days_carry_their_release_and_no_day_of_silence(station):
    track = journey()
    await station.push(csv(track, range(len(track))))
    presence, _ = await station.content()
    for row in presence:
        midnight = datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=UTC)
        assert row["release_at"] == midnight + timedelta(days=1, hours=1)
        assert row["species_key"] == "white_naped_crane"
    days = {(row["day"] - START.date()).days for row in presence}
    assert not days & set(range(8, 14))
    assert {19, 20, 21, 22} <= days


async def test_fixes_count_for_the_place_they_are_at(station):
    track = journey()
    await station.push(csv(track, range(len(track))))
    async with station.store.read() as conn:
        bird = (await execute(conn, "select id from individual"))[0]["id"]
        fixes = await load_fixes(conn, PIPELINE, bird)
        stays = await execute(
            conn,
            "select arrival_time_latest as a, departure_time_earliest as d, kind from stopover",
        )
    shown = fixes.track.take(fixes.visible)
    expected: dict = defaultdict(float)
    for i in range(len(shown)):
        time = int(shown.time_us[i])
        kind = next(
            (s["kind"] for s in stays if micros(s["a"]) <= time <= micros(s["d"])), "travel"
        )
        area = 0 if shown.lat[i] >= 44 else 1
        for j in (i - 1, i + 1):
            if 0 <= j < len(shown) and abs(int(shown.time_us[j]) - time) <= 7 * DAY_US:
                expected[kind, area] += abs(int(shown.time_us[j]) - time) / 2 / DAY_US
    found = await station.rows(
        "select u.kind, class_id, sum(bird_days) as days from use_day u join layer l"
        " on l.id = u.layer_id where l.kind = 'boundary' group by 1, 2"
    )
    assert {(r["kind"], r["class_id"]) for r in found} == set(expected)
    for row in found:
        assert row["days"] == pytest.approx(expected[row["kind"], row["class_id"]], abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_late_fixes_give_what_a_rebuild_gives(station, seed):
    """Most of a year, so that a late fix opens only a window of it."""
    track = fly(seed, stays=36, every_us=HOUR_US).track
    rng = random.Random(seed)
    gone = set()
    for _ in range(3):  # silences of up to ten days
        start = rng.randrange(len(track))
        gone |= {*range(start, start + rng.randrange(12, 120))}
    late = sorted(gone & {*range(len(track))})[::7] + rng.sample(range(len(track)), 6)
    rng.shuffle(late)
    await station.push(csv(track, [i for i in range(len(track)) if i not in gone | {*late}]))
    for i in late[:8]:
        await station.push(csv(track, [i]))
    piecewise = await station.content()
    await station.rebuild()
    assert await station.content() == piecewise
    assert len(piecewise[0]) > 100
    assert sum(w.from_time > FAR_PAST and w.to_time < FAR_FUTURE for w in station.windows) > 5


@pytest.mark.parametrize("seed", [4, 5])
async def test_any_changed_span_gives_what_the_whole_gives(station, seed):
    """Sparse fixes, whose half intervals reach over days, shown and hidden a few at a time."""
    rng = random.Random(seed)
    track = fly(seed, stays=12).track
    kept = sorted(rng.sample(range(len(track)), len(track) // 25))
    await station.push(csv(track, kept))
    whole = spanning(station.found, FAR_PAST + timedelta(days=1), FAR_FUTURE)
    times = [row["time"] for row in await station.rows("select time from fix order by time")]
    assert len(whole.stopovers) > 2
    for number in range(12):
        i = rng.randrange(1, len(times) - 4)
        low, high = times[i], times[i + rng.randrange(1, 4)]
        if number % 3 == 2:  # a stopover turns out to belong to another season
            stay = rng.choice(whole.stopovers)
            stay["season"] = f"{2030 + number}-spring"
            low, high = stay["arrival_time_earliest"], stay["departure_time_latest"]
        async with station.store.write() as conn:
            await execute(
                conn,
                "update fix set visible = not visible where time >= :low and time < :high",
                {"low": low, "high": high},
            )
            await habitat(conn, spanning(whole, low, high))
        narrow = await station.content()
        async with station.store.write() as conn:
            await habitat(conn, whole)
        assert await station.content() == narrow, number


def spanning(found: Segmented, low: datetime, high: datetime) -> Segmented:
    # The fixes are changed behind the stages' back: the window in memory must not serve them.
    window = replace(found.window, from_time=FAR_FUTURE, to_time=FAR_PAST)
    return replace(found, window=window, from_time=low, to_time=high)


async def test_flagging_a_fix_moves_its_time_to_its_neighbours(station):
    track = journey()
    await station.push(csv(track, range(len(track))))
    before = await station.content()
    async with station.store.write() as conn:
        rows = await execute(
            conn,
            "select i.id, i.study_id, f.tag_id, f.time, f.sensor, f.variant from individual i"
            " join deployment d on d.individual_id = i.id join fix f on f.tag_id = d.tag_id"
            " order by f.time offset 200 limit 1",
        )
        hidden = rows[0]
        await execute(
            conn,
            "insert into fix_verdict (study_id, tag_id, time, sensor, variant, verdict, reason,"
            " decided_by) values (:study_id, :tag_id, :time, :sensor, :variant, 'hide', 'far off',"
            " 'test')",
            {k: v for k, v in hidden.items() if k != "id"},
        )
        time = hidden["time"]
        await work.mark_dirty(
            conn, hidden["id"], hidden["study_id"], time, time + timedelta(seconds=1)
        )
    await station.derive()
    windowed = await station.content()
    total = [sum(row["bird_days"] for row in rows) for rows in (before[0], windowed[0])]
    assert total[0] == pytest.approx(total[1], abs=1e-9)
    await station.rebuild()
    assert await station.content() == windowed


async def test_a_retired_layer_leaves_no_use_behind(station):
    track = journey()
    await station.push(csv(track, range(300)))
    async with station.store.write() as conn:
        found = await layers.current_layers(conn, station.study_id)
        await layers.retire(conn, found[1].id)
    await station.derive()
    left = await station.rows("select distinct layer_id from use_day order by 1")
    assert [row["layer_id"] for row in left] == [found[0].id, found[2].id]


async def test_a_reserve_protects_from_its_day_on_at_the_time_and_wholly_today(station):
    """The bird stays where a reserve is designated in the middle of its stay."""
    track = journey()
    await station.push(csv(track, range(len(track))))
    day = await station.rows("select min(day) + 3 as day from presence_day")
    since = day[0]["day"]
    whole = polygons(reserve=(100, 20, 130, 60))
    dated = replace(whole, features=[replace(f, designated_on=since) for f in whole.features])
    async with station.store.write() as conn:
        await layers.add_polygon_layer(
            conn, station.study_id, "Designated", SOURCE, dated, kind="protection"
        )
    await station.derive()
    rows = await station.rows(
        "select x.class_id, min(day) as first, max(day) as last from use_day x"
        " join layer l on l.id = x.layer_id where l.kind = 'protection'"
        " group by class_id order by first"
    )
    assert [row["class_id"] for row in rows] == [
        class_of({0: State.LATER}), class_of({0: State.IN_FORCE}),
    ]  # fmt: skip
    assert rows[1]["first"] == since
    assert rows[0]["last"] < since
