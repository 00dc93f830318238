"""All products made anew from a thousand bird-years of hourly fixes, and one more fix to them.

Run by `make bench`; it prints figures and asserts none beyond that products are there. Birds send
each hour for a year; `FLYWAYS_BENCH_MILLIONS` lists how many million fixes (1 and 8.8, which are
114 and 1,004 bird-years). A rebuild marks every bird as `recompute` does, and two processes of
`flyways worker`, one for each core, do what waits: every stage of a bird, sites and flyways,
areas, key sites. Time of processors and memory are the kernel's, of the workers and of the whole
server. Goals: 2 GB for all together, growth at most 1.2 times linear; through web and worker one
more fix is in the products (its push processed, sites and flyways included) within 5 s in 95 of
100 cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
import pytest

from app.movement.simulate import flock_csv
from app.pipeline import run as flow
from app.store import work
from tests.bench.test_memory import memory_mb
from tests.bench.test_push import AT_REST, end, new_site, settled
from tests.faults.conftest import Site
from tests.flow.conftest import Service, flock, open_service

__all__ = ["new_site"]
MILLIONS = [float(n) for n in os.environ.get("FLYWAYS_BENCH_MILLIONS", "1,8.8").split(",")]
YEAR_DAYS = 365.25
AT_A_TIME = 20
"""Birds of one push: a file of some 15 MB."""
NEW_FIXES = 20
WORKERS = 2


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


def processor_s(pid: int) -> float:
    """Return the time of processors that a process and its ended children took [s]."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Watched:
    """The workers and the server of a rebuild: what they take, looked at once a second."""

    site: Site
    server: int
    together_mb: float = 0.0

    def look(self) -> None:
        """Note what all hold at this moment; the pages they share count once."""
        own, shared = 0.0, 0.0
        for pid in (*(p.pid for p in self.site.running), self.server, *children(self.server)):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
                own += memory_mb(pid, "RssAnon")
                shared = max(shared, memory_mb(pid, "RssShmem"))
        self.together_mb = max(self.together_mb, own + shared)

    def spent_s(self) -> tuple[float, float]:
        """Return the time of processors: of the workers and of the server."""
        server = processor_s(self.server)
        for pid in children(self.server):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                server += processor_s(pid)
        return sum(processor_s(process.pid) for process in self.site.running), server


def server_of(dsn: str) -> int:
    """Return the process that has started the one behind a connection."""
    with psycopg.connect(dsn) as conn:
        words = Path(f"/proc/{conn.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[1])


async def prepared(dsn: str, bird_years: int) -> None:
    """Store a flock that waits for all its products."""
    service = await open_service(dsn)
    await stored(service, bird_years)
    async with service.store.write() as conn:
        await work.mark_all_dirty(conn)
    await service.store.close()


@dataclass
class Rebuilt:
    """What a rebuild took."""

    fixes: int
    wall_s: float
    workers_s: float
    server_s: float
    peaks_mb: list[float]
    together_mb: float

    @property
    def each_us(self) -> float:
        """Time of processors for a fix [us]."""
        return (self.workers_s + self.server_s) / self.fixes * 1e6


def rebuilt(dsn: str, bird_years: int, workers: int = WORKERS) -> Rebuilt:
    """Store a flock, and let workers make all its products."""
    site = Site(dsn, study="", key="", port=1)  # only workers run
    asyncio.run(prepared(dsn, bird_years))
    watched = Watched(site, server_of(dsn))
    before = watched.spent_s()[1]
    started = time.perf_counter()
    try:
        for _ in range(workers):
            site.start("worker")
        while not site.one(AT_REST):
            watched.look()
            assert all(process.poll() is None for process in site.running)
            time.sleep(1.0)
        wall = time.perf_counter() - started
        spent, server = watched.spent_s()
        peaks = [memory_mb(process.pid, "VmHWM") for process in site.running]
    finally:
        end(site)
    fixes = site.one("select count(*) from fix")
    return Rebuilt(fixes, wall, spent, server - before, peaks, watched.together_mb)


@pytest.mark.timeout(24 * 3600)
def test_everything_anew(new_dsn, capsys):
    rebuilt(new_dsn(), 1, workers=1)  # kernels are compiled
    first_us = None
    for millions in MILLIONS:
        dsn = new_dsn()
        done = rebuilt(dsn, round(millions * 1e6 / (YEAR_DAYS * 24)))
        with psycopg.connect(dsn) as conn:
            for table in ("site", "corridor", "ledger_day", "utilisation", "season_use"):
                assert conn.execute(f"select exists (select from {table})").fetchone() == (True,)
        first_us = first_us or done.each_us
        with capsys.disabled():
            print(
                f"\n{done.fixes:,} hourly fixes, every product anew by {WORKERS} workers:", end=""
            )
            print(
                f" {done.wall_s:,.0f} s\n  CPU of workers {done.workers_s:,.0f} s, of the", end=""
            )
            print(f" server {done.server_s:,.0f} s: {done.each_us:.0f} us a fix,", end="")
            print(
                f" {done.each_us / first_us:.2f} of linear (goal 1.2)\n  peak of a worker", end=""
            )
            print(f" {max(done.peaks_mb):,.0f} MB, of workers and server together", end="")
            print(f" {done.together_mb:,.0f} MB (goal 2,000)", end="")


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
