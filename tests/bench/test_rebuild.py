"""All products made anew from a thousand bird-years of hourly fixes, and one more fix to them.

Run by `make bench`; it prints figures and asserts none beyond that products are there. Birds send
each hour for a year; `FLYWAYS_BENCH_MILLIONS` lists how many million fixes (1 and 8.8, which are
114 and 1,004 bird-years). A rebuild marks every bird as `recompute` does, and does what waits in
this process: every stage of a bird, sites and flyways, areas, key sites. Peaks of memory are the
kernel's (VmHWM), of this process and of its connection's server process. Goals: memory of 2 GB,
growth at most 1.2 times linear; through web and worker one more fix is in the products (its push
processed, sites and flyways included) within 5 s in 95 of 100 cases.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from app.movement.simulate import flock_csv
from app.pipeline import run as flow
from app.store import work
from app.store.engine import Connection, driver
from tests.bench.test_memory import memory_mb
from tests.bench.test_push import new_site, settled
from tests.flow.conftest import Service, flock

__all__ = ["new_site"]
MILLIONS = [float(n) for n in os.environ.get("FLYWAYS_BENCH_MILLIONS", "1,8.8").split(",")]
YEAR_DAYS = 365.25
AT_A_TIME = 20
"""Birds of one push: a file of some 15 MB."""
NEW_FIXES = 20


async def stored(service: Service, bird_years: int) -> None:
    """Push and store a flock, a few birds at a time: no time of this is taken."""
    for first in range(0, bird_years, AT_A_TIME):
        n = min(AT_A_TIME, bird_years - first)
        made = flock(seed=first, birds=n, days=YEAR_DAYS, interval_s=3600.0)
        # Tags and birds of each push under names of their own.
        await service.push(flock_csv(made).replace(b",SIM", b",S%d-" % first))
        async with service.store.read() as conn:
            todo = await work.waiting(conn, limit=10)
        for study in todo.studies:
            await flow.decode_small(service.store, study)
        for decoding in todo.decodings:
            await flow.decode_push(service.store, decoding)


def forget_peak() -> None:
    """Let VmHWM of this process count from here."""
    Path("/proc/self/clear_refs").write_text("5")


async def server_mb(conn: Connection) -> float:
    """Return the peak of the server process behind a connection [MB]."""
    return memory_mb((await driver(conn)).get_server_pid(), "VmHWM")


@pytest.mark.timeout(24 * 3600)
async def test_everything_anew(new_service, capsys):
    took: dict[float, float] = {}
    for millions in MILLIONS:
        service: Service = await new_service()
        await stored(service, round(millions * 1e6 / (YEAR_DAYS * 24)))
        async with service.store.write() as conn:
            await work.mark_all_dirty(conn)
        forget_peak()
        started, spent = time.perf_counter(), time.process_time()
        await service.drain(areas=True)
        wall, cpu = time.perf_counter() - started, time.process_time() - spent
        fixes = await service.count("fix")
        assert await service.count("site") > 0
        assert await service.count("ledger_day") > 0
        assert await service.count("utilisation") > 0
        took[millions] = cpu / fixes
        async with service.store.read() as conn:
            server = await server_mb(conn)
        with capsys.disabled():
            print(f"\n{fixes:,} hourly fixes, every product anew: {wall:,.0f} s,", end="")
            print(f" CPU of this process {cpu:,.0f} s, {cpu / fixes * 1e6:.0f} us a fix", end="")
            print(f" ({cpu / fixes / took[MILLIONS[0]]:.2f} of linear, goal 1.2);", end="")
            peak = memory_mb(os.getpid(), "VmHWM")
            print(f" peak {peak:,.0f} MB, of the server process {server:,.0f} MB", end="")
        await service.store.close()


@pytest.mark.timeout(3600)
def test_one_more_fix_to_the_products(new_site, capsys):
    site = new_site()
    made = flock(seed=3, birds=10, days=YEAR_DAYS, interval_s=3600.0)
    header, *lines = flock_csv(made).decode().splitlines()
    settled(site, "\n".join([header, *lines[:-NEW_FIXES]]).encode(), within_s=1800)
    took = [
        settled(site, f"{header}\n{line}\n".encode(), within_s=120)[1]
        for line in lines[-NEW_FIXES:]
    ]
    half, most = np.percentile(took, (50, 95))
    with capsys.disabled():
        print(f"\none more fix of {len(lines):,} to sites and flyways, through web and worker:")
        print(f"  median {half:.2f} s, p95 {most:.2f} s (goal 5)", end="")
