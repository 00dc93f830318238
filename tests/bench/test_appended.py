"""One more fix of a bird that has sent for years: how long until its new stopovers are stored.

Run by `make bench`; it prints figures and asserts none. Histories of one and of two years, an
hourly fix each; then fixes come one by one, each stored and its bird marked as a push does that,
and what is timed is `derive_individual` in its two steps: from the marked bird to the commit with
its new stopovers, and to the commit of all that follows from them. Beside the time is what of it
was CPU time of this process: a machine with other work shows the first one longer. Goal: 50 ms to
the stopovers, and the same for both histories.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.movement.simulate import flock_csv
from app.movement.track import FloatArray
from app.pipeline import run as flow
from app.store.engine import execute
from tests.flow.conftest import Service, flock

APPENDED = 60
YEARS = (1, 2)


async def dirty(service: Service) -> int | None:
    rows = await service.rows("select individual_id from dirty")
    return int(rows[0]["individual_id"]) if rows else None


async def decoded(service: Service, body: bytes) -> int | None:
    """Push and store; return the bird that waits, None where nothing changed for it."""
    await service.push(body)
    rows = await service.rows("select study_id from decoding where state = 'received'")
    await flow.decode_small(service.store, int(rows[0]["study_id"]))
    return await dirty(service)


def clocks_ms() -> FloatArray:
    """Return the time by the wall and of this process [ms], shape (2,)."""
    return np.array([time.perf_counter(), time.process_time()]) * 1e3


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("years", YEARS)
async def test_one_more_fix(new_service, years, capsys):
    service = await new_service()
    birds = flock(seed=3, birds=1, days=years * 365.25, interval_s=3600.0, gross_error_share=0.003)
    header, *lines = flock_csv(birds).decode().splitlines()
    await service.push("\n".join([header, *lines[:-APPENDED]]).encode())
    await service.drain(areas=False)
    async with service.store.look() as conn:
        await conn.execute("analyze")  # as a server does by itself; that of tests never does
    taken = []
    for line in lines[-APPENDED:]:
        bird = await decoded(service, f"{header}\n{line}\n".encode())
        assert bird is not None
        started = clocks_ms()
        begun = await flow.begin_individual(service.store, bird)
        half = clocks_ms()
        assert begun is not None
        await flow.finish_individual(service.store, *begun)
        taken.append([half - started, clocks_ms() - started])
        assert await dirty(service) is None
    async with service.store.read() as conn:
        kept = await execute(conn, "select count(*) as n from fix where live")
        stays = await execute(conn, "select count(*) as n from stopover")
    with capsys.disabled():
        print(f"\n{kept[0]['n']:,} fixes, {stays[0]['n']} stopovers, one more fix")
        for (wall, cpu), what in zip(
            np.transpose(taken[5:], (1, 2, 0)),
            ("to its stopovers (goal 50)", "to all that follows"),
            strict=True,
        ):
            half, most = np.percentile(wall, (50, 95))
            print(f"  {what:27} median {half:.1f} ms, p95 {most:.1f} ms, least {min(wall):.1f} ms,")
            print(f"  {'':27} of it CPU of this process {np.median(cpu):.1f} ms")
