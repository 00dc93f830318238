"""Density tiles over ten million fixes against PostGIS's own encoder on the fixes, in turns.

Run by `make bench`; it prints figures and asserts none. A encodes every fix in the tile as a point;
B reads the kept cells of the same fixes, counted and stored by the code of the service.
"""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from app.movement.density import count_hours
from app.movement.track import HOUR_US
from app.pipeline.density import releases
from app.store import density, derived, tiles
from app.store.audience import Audience
from app.store.engine import Connection, execute
from app.store.sight import Filters
from app.store.windows import FAR_FUTURE, FAR_PAST
from tests.flow.conftest import START_US, Service

FIXES = int(os.environ.get("FLYWAYS_BENCH_FIXES", "10_000_000"))
BIRDS = 500
ROUNDS = 5
SPOTS = {"z0": (0, 0, 0), "z3": (3, 6, 2), "z6": (6, 54, 24), "z9": (9, 436, 197)}
RAW = """
select octet_length(st_asmvt(m, 'fixes', 4096, 'geom')) from (
  select st_asmvtgeom(st_transform(st_setsrid(st_makepoint(lon, lat), 4326), 3857),
    st_tileenvelope(%(z)s, %(x)s, %(y)s)) as geom
  from fix_place where lon between %(west)s and %(east)s and lat between %(south)s and %(north)s
) as m where geom is not null
"""


def tracks(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give years of birds that winter in Korea, breed in Dauria and stay for weeks between."""
    n = FIXES // BIRDS
    for _ in range(BIRDS):
        time_us = START_US + np.arange(n) * HOUR_US
        stage = np.clip(1.6 * np.sin(2 * np.pi * np.arange(n) / (24 * 365)), -1, 1) / 2 + 0.5
        stage = np.round(stage * 6) / 6
        lon, lat = 127.2 - 12 * stage, 38.2 + 11.5 * stage
        home, daily = rng.normal(0, 0.3, 2), rng.normal(0, 0.02, (2, n // 24 + 1)).repeat(24, 1)
        yield time_us, lon + home[0] + daily[0, :n], lat + home[1] + daily[1, :n]


async def _fill(conn: Connection, service: Service) -> int:
    raw = await derived.driver(conn)
    await execute(conn, "create unlogged table fix_place (lon float8, lat float8)", {})
    for number, (time_us, lon, lat) in enumerate(tracks(np.random.default_rng(3))):
        found = await execute(
            conn,
            "insert into individual (study_id, local_identifier, species_key)"
            " values (:study, :name, 'white_naped_crane') returning id",
            {"study": service.study_id, "name": str(number)},
        )
        bird = await derived.bird(conn, found[0]["id"])
        cells = count_hours(time_us, lon, lat)
        await density.renew(
            conn, bird, (FAR_PAST, FAR_FUTURE), cells, releases(bird, cells), public=False
        )
        await raw.copy_to_table("fix_place", source=_copied(lon, lat), format="binary")
    return int((await execute(conn, "select count(*) as n from density_cell", {}))[0]["n"])


def _copied(lon: np.ndarray, lat: np.ndarray) -> io.BytesIO:
    """Write places as COPY reads them in its binary format: ten million tuples take minutes."""
    kind = [("n", ">i2"), ("a", ">i4"), ("lon", ">f8"), ("b", ">i4"), ("lat", ">f8")]
    rows = np.empty(len(lon), kind)
    rows["n"], rows["a"], rows["b"], rows["lon"], rows["lat"] = 2, 8, 8, lon, lat
    return io.BytesIO(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff")


def _raw(dsn: str, spot: tiles.Spot) -> tuple[float, int]:
    values = spot.values
    with psycopg.connect(dsn) as conn:
        started = time.perf_counter()
        found = conn.execute(RAW, values).fetchone()
        return time.perf_counter() - started, found[0] or 0


async def _kept(service: Service, spot: tiles.Spot) -> tuple[float, int]:
    audience = Audience("operator", exact=(service.study_id,))
    async with service.store.read() as conn:
        started = time.perf_counter()
        body = await tiles.read_density(conn, audience, Filters(), spot)
        return time.perf_counter() - started, len(body)


@pytest.mark.timeout(1800)
async def test_density_tiles_against_the_encoder_on_fixes(new_service, capsys):
    service: Service = await new_service()
    async with service.store.write() as conn:
        cells = await _fill(conn, service)
    with psycopg.connect(service.store.dsn, autocommit=True) as admin:
        admin.execute("vacuum analyze density_cell, density_total")
        admin.execute("vacuum analyze fix_place")
    lines = []
    for name, place in SPOTS.items():
        spot = tiles.Spot(*place)
        raw_s, raw_bytes = _raw(service.store.dsn, spot)
        kept = [await _kept(service, spot) for _ in range(ROUNDS)]
        kept_s, kept_bytes = statistics.median(each for each, _ in kept), kept[0][1]
        lines.append(
            f"  {name}  raw {raw_s:7.2f} s {raw_bytes / 1e6:7.1f} MB   kept {kept_s * 1e3:7.1f} ms"
            f" {kept_bytes / 1e3:6.1f} kB   ratio {raw_s / kept_s:8,.0f}"
        )
    with capsys.disabled():
        print(f"\ndensity tiles over {FIXES:,} fixes of {BIRDS} birds in {cells:,} cells", *lines,
              sep="\n")  # fmt: skip
