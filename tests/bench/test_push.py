"""Bulk pushes against PostgreSQL's own binary COPY into the same table, in turns.

Run by `make bench`; it prints figures and asserts none. A is COPY of a prepared buffer into an
owner's copy of the table; B is the same rows as a Movebank CSV, from the request to stored.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import psycopg
import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline import run as flow
from tests.flow.conftest import Service, flock

ROUNDS = 5
COLUMNS = (
    "tag_id, time, sensor, variant, study_id, decoding_id, visible, live, lon, lat, error_m,"
    " height_m, ground_speed_m_s, heading_deg, satellites, dop, stated_error_m, argos_class,"
    " semi_major_m, semi_minor_m, orientation_deg, lon2, lat2, provider_id, provider_revision,"
    " marked_outlier, battery_v, temperature_c, activity"
)


@pytest.mark.timeout(900)
async def test_bulk_push_against_raw_copy(new_service, capsys):
    birds = flock(seed=11, birds=12, days=365, interval_s=1800.0)
    events, reference = flock_csv(birds), reference_csv(birds)
    rows = events.count(b"\n") - 1
    stored_s, raw_s, processed_s = [], [], []
    for _ in range(ROUNDS):
        service: Service = await new_service()
        await service.push(reference)
        await service.drain()
        stored_s.append(await _store(service, events))
        raw_s.append(await asyncio.to_thread(_raw_copy, service.store.dsn))
        started = time.perf_counter()
        await service.drain()
        processed_s.append(stored_s[-1] + time.perf_counter() - started)
    ratio = statistics.median(a / b for a, b in zip(raw_s, stored_s, strict=True))
    with capsys.disabled():
        print(f"\nbulk push of {rows} fixes as Movebank CSV, {ROUNDS} turns each")
        for name, taken in (
            ("raw binary COPY", raw_s), ("push to stored", stored_s),
            ("push to processed", processed_s),
        ):  # fmt: skip
            print(f"  {name:18} {rows / statistics.median(taken):>10,.0f} fixes/s (median)")
        print(f"  stored / raw COPY  {ratio:>10.2f} (median of pairs)")


async def _store(service: Service, events: bytes) -> float:
    started = time.perf_counter()
    kept = await service.push(events)
    await flow.decode_push(service.store, kept.decoding_id)
    return time.perf_counter() - started


def _raw_copy(dsn: str) -> float:
    """Time COPY of the table's own rows, prepared as binary, into an empty copy of it."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        with conn.cursor().copy(f"copy fix ({COLUMNS}) to stdout (format binary)") as out:
            buffer = b"".join(bytes(piece) for piece in out)
        conn.execute("create table fix_copy (like fix including all)")
        started = time.perf_counter()
        with conn.cursor().copy(f"copy fix_copy ({COLUMNS}) from stdin (format binary)") as into:
            for start in range(0, len(buffer), 1 << 18):
                into.write(buffer[start : start + (1 << 18)])
        taken = time.perf_counter() - started
        conn.execute("drop table fix_copy")
    return taken


@pytest.mark.timeout(600)
async def test_replay_is_cheap(new_service, capsys):
    birds = flock(seed=12, birds=6, days=365, interval_s=1800.0)
    events = flock_csv(birds)
    service: Service = await new_service()
    first = await _store(service, events)
    started = time.perf_counter()
    again = await service.push(events)
    replay = time.perf_counter() - started
    assert again.replayed
    rows = events.count(b"\n") - 1
    with capsys.disabled():
        print(f"\nreplay of {rows} fixes: {first / replay:.0f}x as fast as the first load")
