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
SETTLED_S = 300
COLUMNS = (
    "tag_id, time, sensor, variant, study_id, decoding_id, visible, live, lon, lat, error_m,"
    " height_m, ground_speed_m_s, heading_deg, satellites, dop, stated_error_m, argos_class,"
    " semi_major_m, semi_minor_m, orientation_deg, lon2, lat2, provider_id, provider_revision,"
    " marked_outlier, battery_v, temperature_c, activity"
)


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
) -> tuple[float, float]:
    """Push over HTTP; return the time to stored and to processed [s]."""
    started = time.time()
    with site.client() as client:
        answer = client.post(site.uploads, content=body, headers={"Content-Type": "text/csv"})
        assert answer.status_code == 202, answer.text
        receipt = f"/api/v1/pushes/{answer.json()['push_id']}"
        # A busy machine may answer 503 in between.
        until(lambda: client.get(receipt).json().get("stored_at"), within_s=within_s)
        when_stored()
        until(lambda: client.get(receipt).json().get("state") == "processed", within_s=within_s)
        said = client.get(receipt).json()
    return tuple(
        datetime.fromisoformat(said[name]).timestamp() - started
        for name in ("stored_at", "processed_at")
    )


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


@pytest.mark.timeout(1_200)
def test_bulk_push_against_raw_copy(new_site, capsys):
    birds = flock(seed=11, birds=12, days=365, interval_s=1800.0)
    events, reference = flock_csv(birds), reference_csv(birds)
    again = events.replace(b"\n", b"\r\n")  # the same records in other bytes
    rows = events.count(b"\n") - 1
    taken: dict[str, list[float]] = {"raw": [], "stored": [], "processed": [], "again": []}
    for _ in range(ROUNDS):
        site = new_site()
        settled(site, reference)
        stored, processed = settled(site, events)
        taken["stored"].append(stored)
        taken["processed"].append(processed)
        taken["again"].append(settled(site, again)[0])
        taken["raw"].append(raw_copy(site.dsn))
        assert site.one("select count(*) from fix") == rows
        for process in site.running:
            kill(process)
    with capsys.disabled():
        print(f"\nbulk push of {rows:,} fixes as Movebank CSV over HTTP, {ROUNDS} turns each")
        for name, said in (
            ("raw", "raw binary COPY"), ("stored", "push to stored"),
            ("again", "same records, other bytes"), ("processed", "push to processed"),
        ):  # fmt: skip
            print(f"  {said:26} {rows / statistics.median(taken[name]):>10,.0f} fixes/s (median)")
        print(f"  stored / raw COPY          {_ratio(taken, 'raw', 'stored'):>10.2f} (goal 0.25)")
        print(f"  again / first load         {_ratio(taken, 'stored', 'again'):>10.2f} (goal 1.5)")


def _ratio(taken: dict[str, list[float]], of: str, to: str) -> float:
    return statistics.median(a / b for a, b in zip(taken[of], taken[to], strict=True))
