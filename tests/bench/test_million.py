"""A million fixes of 500 birds: screened, smoothed where they are of Argos, stopovers, seasons.

Run by `make bench`; it prints figures and asserts none beyond that every bird was found somewhere.
First the kernels alone, on two threads; then the whole flow into the database, which does more
(routes excepted: habitat, what strangers see, drawn tracks), as `recompute` does it, bird after
bird. Peaks of memory are the kernel's (VmHWM). Goal: 60 s and 1.5 GB; growth linear.
"""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.movement.argos import ellipse_covariance_m2
from app.movement.itinerary import ROUTES
from app.movement.screening import OK, screen
from app.movement.seasons import classify
from app.movement.sensing import Sending
from app.movement.simulate import Flock, SimulatedBird, flock_csv, simulate_flock
from app.movement.smoothing import ellipse_of, smooth
from app.movement.stopovers import find_stays, merge_stays
from app.movement.track import Track
from app.pipeline import run as flow
from app.seeds import noise_of, profiles
from tests.bench.test_memory import memory_mb
from tests.flow.conftest import START_US, Service
from tests.movement.flocks import key_sites

BIRDS = (50, 500)
DAYS = 340.0
ARGOS_SHARE = 5
"""Every fifth bird has an Argos tag."""
STORED_BIRDS = (10, 50)


def flocks(birds: int) -> list[Flock]:
    """Give 2,000 fixes a bird, one in four hours, those of Argos last."""
    argos = birds // ARGOS_SHARE
    return [
        simulate_flock(
            [profiles()[key] for key in ROUTES], key_sites(), n_individuals=n, start_us=START_US,
            days=DAYS, seed=seed,
            sending=Sending(sensor=sensor, interval_s=14_400.0, gaps_per_year=2.0),
        )
        for seed, n, sensor in ((1, birds - argos, "gps"), (2, argos, "argos"))
    ]  # fmt: skip


def derived(bird: SimulatedBird, spent: Counter[str]) -> int:
    """Do with a bird what the stages do; return how many stopovers it made."""
    profile, sent = profiles()[bird.species_key], bird.sent

    def timed(name: str, act: Callable[[], Any]) -> Any:
        started = time.thread_time()
        done = act()
        spent[name] += time.thread_time() - started
        return done

    shown = timed("screen", lambda: screen(sent.track, profile).code) == OK
    track = sent.track.take(shown)
    if bird.sensor == "argos":
        errors = ellipse_covariance_m2(*sent.ellipse[shown].T)
        found = timed("smooth", lambda: smooth(track, errors, noise_of(bird.species_key)))
        major, _, _ = ellipse_of(found.covariance_m2)
        track = Track(track.time_us, found.lon, found.lat, major)
    stays = timed("stays", lambda: find_stays(track, profile))
    stopovers = timed("merge", lambda: merge_stays(stays, profile))
    timed("seasons", lambda: classify(stopovers, profile))
    return len(stopovers)


@pytest.mark.timeout(1800)
def test_by_the_kernels(capsys):
    for birds in BIRDS:
        every = [bird for flock in flocks(birds) for bird in flock.birds]
        derived(every[0], Counter())
        derived(every[-1], Counter())
        each = [Counter[str]() for _ in every]
        started, spent = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(2) as pool:
            stopovers = list(pool.map(derived, every, each))
        wall, cpu = time.perf_counter() - started, time.process_time() - spent
        assert min(stopovers) > 0
        with capsys.disabled():
            fixes = sum(len(bird.sent.track) for bird in every)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"\n{fixes:,} fixes of {birds} birds, kernels on two threads: {wall:.1f} s, CPU",
                end="",
            )
            print(
                f" {cpu:.1f} s, {cpu / fixes * 1e6:.1f} us a fix; peak {peak:,.0f} MB (goal 60 s)"
            )
            shares = sum(each, Counter[str]())
            print("  CPU [s]:", ", ".join(f"{k} {v:.1f}" for k, v in shares.most_common()), end="")


@pytest.mark.timeout(3600)
async def test_through_the_database(new_service, capsys):
    """A tenth of the birds, and of these a fifth: a bird takes as long in whatever company."""
    for birds in STORED_BIRDS:
        service: Service = await new_service()
        for made in flocks(birds):
            await service.push(flock_csv(made))
        async with service.store.read() as conn:
            todo = await flow.work.waiting(conn, limit=10)
        for decoding in todo.decodings:
            await flow.decode_push(service.store, decoding)
        waiting = await service.rows("select individual_id from dirty order by 1")
        started, spent = time.perf_counter(), time.process_time()
        for row in waiting:
            await flow.derive_individual(service.store, row["individual_id"])
        wall, cpu = time.perf_counter() - started, time.process_time() - spent
        fixes = await service.count("fix")
        assert await service.count("stopover") > birds
        peak = memory_mb(os.getpid(), "VmHWM")
        with capsys.disabled():
            print(f"\n{fixes:,} fixes of {birds} birds, every stage of a bird into the database:")
            print(f"  {wall:.1f} s, CPU of this process {cpu:.1f} s,", end="")
            print(f" {wall / fixes * 1e6:.0f} us a fix (goal 60); peak {peak:,.0f} MB", end="")
