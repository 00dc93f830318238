"""Bulk pushes against PostgreSQL's own binary COPY into the same table, in turns.

Run by `make bench`; it prints figures and asserts none. A is COPY of a prepared buffer into an
owner's copy of the table; B is `POST /api/v1/studies/{study}/pushes` of the same rows as a
Movebank CSV, to real processes (`flyways serve`, `flyways worker`) on a server that syncs every
commit, from the first byte of the request to `stored_at` of its receipt.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
import pytest

from app.movement.simulate import flock_csv, reference_csv
from tests.faults.conftest import Site, _site, kill, until
from tests.flow.conftest import flock

ROUNDS = 5
REPLAYS = 3
SETTLED_S = 300
COLUMNS = (
    "tag_id, time, sensor, variant, study_id, decoding_id, visible, live, lon, lat, error_m,"
    " height_m, ground_speed_m_s, heading_deg, satellites, dop, stated_error_m, argos_class,"
    " semi_major_m, semi_minor_m, orientation_deg, lon2, lat2, provider_id, provider_revision,"
    " marked_outlier, battery_v, temperature_c, activity"
)

AT_REST = "select " + " and ".join(
    f"not exists (select from {table})"
    for table in ("dirty", "product_dirty", "utilisation_due", "key_site_due")
)
"""SQL: whether the workers have done all there is to do."""


@pytest.fixture
def new_site(new_dsn: Callable[[], str]):
    """Make installations whose web process and worker run."""
    opened = []

    def make() -> Site:
        context = _site(new_dsn())
        site = context.__enter__()
        opened.append(context)
        site.body_max_bytes = 256 << 20
        site.serve()
        site.start("worker")
        return site

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def settled(
    site: Site,
    body: bytes,
    *,
    within_s: float = SETTLED_S,
    when_stored: Callable[[], None] = lambda: None,
    to_the_end: bool = True,
) -> tuple[float, float | None]:
    """Push over HTTP; return the time to stored, and to processed where that is waited for [s]."""
    started = time.time()
    with site.client() as client:
        answer = client.post(site.uploads, content=body, headers={"Content-Type": "text/csv"})
        assert answer.status_code == 202, answer.text
        receipt = f"/api/v1/pushes/{answer.json()['push_id']}"
        # A busy machine may answer 503 in between.
        until(lambda: client.get(receipt).json().get("stored_at"), within_s=within_s)
        when_stored()
        if to_the_end:
            until(lambda: client.get(receipt).json().get("state") == "processed", within_s=within_s)
        said = client.get(receipt).json()

    def after(name: str) -> float:
        return datetime.fromisoformat(said[name]).timestamp() - started

    return after("stored_at"), after("processed_at") if to_the_end else None


def raw_copy(dsn: str) -> float:
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


@pytest.fixture(scope="module")
def files() -> tuple[bytes, bytes]:
    """Give a year of birds as Movebank event and reference data."""
    birds = flock(seed=11, birds=12, days=365, interval_s=1800.0)
    return flock_csv(birds), reference_csv(birds)


@pytest.mark.timeout(1_200)
def test_bulk_push_against_raw_copy(new_site, files, capsys):
    events, reference = files
    rows = events.count(b"\n") - 1
    taken: dict[str, list[float]] = {"raw": [], "stored": [], "processed": []}
    for number in range(ROUNDS):
        site = new_site()
        settled(site, reference)
        # Products take minutes more: they are waited for once.
        stored, processed = settled(site, events, to_the_end=number == 0)
        taken["stored"].append(stored)
        taken["raw"].append(raw_copy(site.dsn))
        if processed is not None:
            taken["processed"].append(processed)
        assert site.one("select count(*) from fix") == rows
        end(site)
    with capsys.disabled():
        print(f"\nbulk push of {rows:,} fixes as Movebank CSV over HTTP, {ROUNDS} turns")
        for name, said in (
            ("raw", "raw binary COPY"), ("stored", "push to stored"),
            ("processed", "push to processed, once"),
        ):  # fmt: skip
            print(f"  {said:26} {rows / statistics.median(taken[name]):>10,.0f} fixes/s (median)")
        print(f"  stored / raw COPY          {_ratio(taken, 'raw', 'stored'):>10.2f} (goal 0.25)")


@pytest.mark.timeout(1_200)
def test_a_replay_of_duplicates_against_the_first_load(new_site, files, capsys):
    events, reference = files
    again = events.replace(b"\n", b"\r\n")  # the same records in other bytes
    rows = events.count(b"\n") - 1
    taken: dict[str, list[float]] = {"stored": [], "again": []}
    for _ in range(REPLAYS):
        site = new_site()
        settled(site, reference)
        taken["stored"].append(settled(site, events)[0])
        until(lambda site=site: site.one(AT_REST), within_s=SETTLED_S)  # areas take a processor
        taken["again"].append(settled(site, again, to_the_end=False)[0])
        assert site.one("select count(*) from fix") == rows
        end(site)
    with capsys.disabled():
        print(f"\nreplay of {rows:,} fixes in other bytes over HTTP, {REPLAYS} turns")
        for name, said in (("stored", "first load"), ("again", "same records, other bytes")):
            print(f"  {said:26} {rows / statistics.median(taken[name]):>10,.0f} fixes/s (median)")
        print(f"  again / first load         {_ratio(taken, 'stored', 'again'):>10.2f} (goal 1.5)")


def end(site: Site) -> None:
    """End the processes of an installation."""
    for process in site.running:
        kill(process)


def _ratio(taken: dict[str, list[float]], of: str, to: str) -> float:
    return statistics.median(a / b for a, b in zip(taken[of], taken[to], strict=True))
