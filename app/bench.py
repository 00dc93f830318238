"""`bench`: what this machine does in a second, on a simulated flock in a database of its own."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import ingest
from app import demo, operate
from app.movement.sensing import Sending
from app.pipeline import run as flow
from app.store import fixpoints, tiles, work
from app.store.cluster import Cluster
from app.store.engine import Connection, Store, execute
from app.store.sight import Filters

END = datetime(2026, 1, 1, tzinfo=UTC)
"""Last day of the simulated flock: the same fixes on every machine and every day."""

ROUNDS = 20
NEWEST = 1_000
OVERVIEW = tiles.Spot(3, 6, 3)
"""Tile of zoom 3 that holds East Asia."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured."""

    what: str
    value: float
    unit: str


def measure(birds: int, days: float, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """
    Measure each step of the flow and two reads; give rows of `Figure`.

    The database is made in a temporary folder, with the settings of the embedded one, and
    removed afterwards: nothing of the service's own data is touched.
    """
    files = demo.flock_files(
        END, birds=birds, days=days, seed=demo.SEED, sending=Sending(interval_s=1800.0)
    )
    with _scratch() as dsn:
        return [asdict(figure) for figure in asyncio.run(_run(dsn, files, say))]


@contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="flyways-bench-") as folder:
        Path(folder).chmod(0o755)  # the server of a root user runs as another one
        with Cluster(Path(folder) / "data").use() as dsn:
            yield dsn


async def _run(dsn: str, files: dict[str, bytes], say: Callable[[str], None]) -> list[Figure]:
    await operate.migrate(dsn)
    events = files["events"]
    async with operate.opened(dsn) as store:
        owner = await operate.add_partner(store, "Bench", None)
        row = await operate.add_study(store, "Bench", UUID(owner["institute"]))
        study = UUID(str(row["ref"]))
        await demo.push(store, {"reference": files["reference"]}, study)
        decode_s, fixes = _timed_decode(events)
        say(f"{fixes:,} fixes decoded; now they are stored")
        store_s = await _stored(store, events, study)
        say("stored; now stopovers, routes and habitat are derived")
        derive_s = await _timed(flow.drain(store))
        say("derived; now the same records come again in other bytes")
        again_s = await _stored(store, events.replace(b"\n", b"\r\n"), study)
        await flow.drain(store)
        feed_ms, tile_ms = await _reads(store)
    return [
        Figure("decode Movebank CSV", round(fixes / decode_s), "fixes/s"),
        Figure("keep, decode and store", round(fixes / store_s), "fixes/s"),
        Figure("derive", round(fixes / derive_s), "fixes/s"),
        Figure("store again, all known", round(fixes / again_s), "fixes/s"),
        Figure(f"{NEWEST:,} newest fixes of a bird", round(feed_ms, 1), "ms"),
        Figure("density tile of zoom 3", round(tile_ms, 1), "ms"),
    ]


def _timed_decode(events: bytes) -> tuple[float, int]:
    """Decode three times; return the least time [s], as the first finds nothing warm."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        decoded = ingest.decode(events, now_us=int(END.timestamp()) * 1_000_000)
        taken.append(time.perf_counter() - began)
    return min(taken), decoded.records.height


async def _timed(step: Awaitable[Any]) -> float:
    began = time.perf_counter()
    await step
    return time.perf_counter() - began


async def _stored(store: Store, events: bytes, study: UUID) -> float:
    """Keep a push and decode it, as a worker does that has nothing else to do [s]."""
    began = time.perf_counter()
    await demo.keep(store, events, study)
    async with store.read() as conn:
        todo = await work.waiting(conn, limit=1)
    for decoding_id in todo.decodings:
        await flow.decode_push(store, decoding_id)
    for study_id in todo.studies:
        await flow.decode_small(store, study_id)
    return time.perf_counter() - began


async def _reads(store: Store) -> tuple[float, float]:
    """Read a feed and a tile as their owner does [ms each, median]."""
    audience = await operate.operator(store)
    async with store.read() as conn:
        (bird,) = await execute(conn, "select ref from individual order by id limit 1")
    newest = Filters(individual=bird["ref"])

    async def feed(conn: Connection) -> None:
        found = await fixpoints.newest(conn, audience, newest, fetch=NEWEST)
        found.text(NEWEST)

    async def tile(conn: Connection) -> None:
        await tiles.read_density(conn, audience, Filters(), OVERVIEW)

    return await _median_ms(store, feed), await _median_ms(store, tile)


async def _median_ms(store: Store, read: Callable[[Connection], Awaitable[None]]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async with store.read() as conn:
            await read(conn)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3
