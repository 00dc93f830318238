"""The morning report over 500 birds with 5,000,000 fixes; goal: p95 at most 300 ms.

Run by `make bench`; it prints figures and asserts none. The fixes are written by SQL, one each
hour for 417 days; what is kept of each bird is made by the stage's own code.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from app.movement.track import Track
from app.pipeline.recent import path
from app.store import derived, latest, recent
from app.store.engine import Store
from app.store.windows import instant
from tests.api.served import as_key, served

BIRDS = int(os.environ.get("FLYWAYS_BENCH_BIRDS", "500"))
FIXES = 10_000
START = datetime(2025, 1, 1, tzinfo=UTC)
LAST = START + FIXES * timedelta(hours=1)
ROUNDS = 60
PUSHES = 12_000
"""Of the day before: each bird's hour comes as a push of its own."""

FILL = f"""
insert into institute (name) values ('Own');
insert into api_key (institute_id, prefix, secret_sha256, scopes)
  values (1, 'flw_Own', sha256('flw_Own'), '{{read}}');
insert into study (institute_id, name) select 1, 'study ' || n from generate_series(1, 10) n;
insert into individual (study_id, local_identifier)
  select 1 + n % 10, 'bird ' || n from generate_series(1, {BIRDS}) n;
insert into tag (study_id, local_identifier)
  select study_id, 'tag of ' || local_identifier from individual order by id;
insert into deployment (study_id, tag_id, individual_id, during, declared)
  select i.study_id, t.id, i.id, '(,)', true
  from individual i join tag t on t.local_identifier = 'tag of ' || i.local_identifier;
insert into push (study_id, digest, size_bytes)
  select 1 + n % 10, int4send(n), 1 from generate_series(1, {PUSHES}) n;
insert into decoding (study_id, push_id, number, tz, state, units, records, stored, received_at,
    tag_ids, time_first, time_last)
  select p.study_id, p.id, 1, 'UTC', 'processed', 1, 1, 1,
    timestamptz '{LAST}' - p.id * interval '6 s', array[t.id],
    timestamptz '{LAST}' - interval '1 d', '{LAST}'
  from push p join tag t on t.id = 1 + p.id % {BIRDS};
insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon, lat, error_m,
    battery_v)
  select d.tag_id, timestamptz '{START}' + n * interval '1 h', 0, 1, d.study_id,
    1 + (d.tag_id * 24 + n) % {PUSHES}, true, 120 + (n % 100) / 100.0, 40 - n % 7 / 10.0, 10, 3.9
  from deployment d, generate_series(1, {FIXES}) n;
insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin)
  select tag_id, time, sensor, variant, 'speed', study_id, 'track' from fix
  where extract(epoch from time)::bigint / 3600 % 100 = tag_id % 100;
"""


async def keep(dsn: str) -> None:
    """Have kept of each bird what the stage keeps."""
    hours = np.arange(FIXES - 168, FIXES + 1)
    at_us = int(START.timestamp()) * 1_000_000 + hours * 3_600_000_000
    track = Track(
        at_us.astype(np.int64), 120 + hours % 100 / 100, 40 - hours % 7 / 10, np.ones(169)
    )
    time_us, way = path(track)
    times = [instant(int(each)) for each in time_us]
    store = Store(dsn, pool_size=1, statement_timeout_s=60)
    for individual in range(1, BIRDS + 1):
        async with store.write() as conn:
            bird = await derived.bird(conn, individual)
            await latest.renew(conn, bird)
            await recent.renew(conn, bird, "moving", times, way.tolist())
    await store.close()


@pytest.mark.timeout(1800)
async def test_how_long_the_morning_report_takes(new_database: Callable[[], str], capsys) -> None:
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(FILL)
        conn.execute("vacuum analyze")
    began = time.perf_counter()
    await keep(dsn)
    kept_ms = (time.perf_counter() - began) / BIRDS * 1e3
    asked = {"now": (LAST + timedelta(hours=1)).isoformat()}
    taken = []
    async with served(dsn) as client:
        for number in range(ROUNDS + 5):
            began = time.perf_counter()
            answer = await client.get(
                "/api/v1/reports/morning", params=asked, headers=as_key("flw_Own")
            )
            if number >= 5:
                taken.append((time.perf_counter() - began) * 1e3)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0)
    found = answer.json()
    assert len(found["birds"]) == BIRDS
    assert found["birds"][0]["moved_7d_km"] > 0
    assert found["arrivals"][0]["n_pushes"] > 0
    with capsys.disabled():
        cuts = statistics.quantiles(taken, n=20)
        print(f"\nmorning report, {BIRDS:,} birds, {BIRDS * FIXES:,} fixes, {PUSHES:,} pushes:")
        print(f"  {statistics.median(taken):8.1f} ms (median)  {cuts[-1]:8.1f} ms (p95, goal 300)")
        print(f"  {kept_ms:8.1f} ms to keep what a bird did of late")
