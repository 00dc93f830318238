"""What must hold of every product, of real cranes and simulated birds, through the database."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.movement.simulate import flock_csv, reference_csv
from app.store import habitat, layers
from app.store.derived import Row
from app.store.sight import Filters
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geotiff import decode_geotiff
from tests.flow.conftest import Service, flock, open_service
from tests.flow.test_deliveries import split
from tests.flow.test_real_birds import KAZAKH

DAY_US = 86_400_000_000
GAP_US = 7 * DAY_US
COVER = "habitat/landcover/MCD12C1_2019_neasia_clip.tif"
AREAS = {"North": (0, 40, 180, 90), "South": (0, -90, 180, 40)}
RESERVES = {"wide": (60, 20, 90, 60), "core": (65, 25, 75, 50), "coast": (119, 30, 128, 42)}
"""Boxes as west, south, east, north; `core` lies in `wide`, and the smaller one counts."""

SIMULATED = flock(seed=31, birds=4, days=240)

TABLES = {
    "fix": "select i.local_identifier as bird, f.time, f.lon, f.lat from fix f"
    " join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time"
    " join individual i on i.id = d.individual_id where f.live and f.visible order by f.time",
    "stay": "select i.local_identifier as bird, x.* from stay x"
    " join individual i on i.id = x.individual_id order by x.arrival_time_latest",
    "stopover": "select i.local_identifier as bird, x.* from stopover x"
    " join individual i on i.id = x.individual_id order by x.arrival_time_latest",
    "leg": "select i.local_identifier as bird, x.* from leg x"
    " join individual i on i.id = x.individual_id order by x.departure_time",
    "presence_day": "select i.local_identifier as bird, x.* from presence_day x"
    " join individual i on i.id = x.individual_id",
    "use_day": "select i.local_identifier as bird, l.kind as layer, x.class_id,"
    " sum(x.bird_days) as bird_days from use_day x join layer l on l.id = x.layer_id"
    " join individual i on i.id = x.individual_id group by 1, 2, 3",
}


@dataclass
class Products:
    """Everything derived, by table and bird, and what the reader of habitat use gets."""

    tables: dict[str, dict[str, list[Row]]]
    use: dict[tuple[str, str], habitat.Use]

    def birds(self) -> list[str]:
        return sorted(self.tables["fix"])


def boxes(named: dict[str, tuple[float, ...]]) -> bytes:
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]],
            },
        }
        for name, (w, s, e, n) in named.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


async def _measure(service: Service, cover: bytes) -> None:
    areas, reserves = (
        decode_polygons(boxes(each), class_property="name") for each in (AREAS, RESERVES)
    )
    async with service.store.write() as conn:
        await layers.add_polygon_layer(conn, None, "Areas", "test", areas, kind="boundary")
        await layers.add_polygon_layer(
            conn, service.study_id, "Reserves", "test", reserves, kind="polygons"
        )
        await layers.add_raster_layer(
            conn, service.study_id, "Cover", "test", decode_geotiff(cover)
        )


async def _products(service: Service) -> Products:
    tables: dict[str, dict[str, list[Row]]] = {}
    for name, sql in TABLES.items():
        tables[name] = defaultdict(list)
        for row in await service.rows(sql):
            tables[name][row["bird"]].append(row)
    use = {}
    async with service.store.read() as conn:
        for layer in await layers.current_layers(conn, service.study_id):
            for by in ("class", "area", "individual", "season"):
                use[layer.kind, by] = await habitat.use(
                    conn, service.audience, Filters(), by=by, layer=layer
                )
    return Products(tables, use)


@pytest.fixture(scope="module")
def products(shared_data: Path, new_database: Callable[[], str]) -> Products:
    """Seven real cranes and four simulated birds, measured against three layers."""

    async def run() -> Products:
        service = await open_service(new_database())
        try:
            for name in (f"{KAZAKH}-reference-data.csv", f"{KAZAKH}.csv"):
                await service.push((shared_data / name).read_bytes())
            await service.push(reference_csv(SIMULATED))
            await service.push(flock_csv(SIMULATED))
            await _measure(service, (shared_data / COVER).read_bytes())
            await service.drain()
            return await _products(service)
        finally:
            await service.store.close()

    return asyncio.run(run())


def us(time: datetime) -> int:
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)


def observed_us(times: list[int]) -> int:
    return sum(b - a for a, b in pairwise(times) if b - a <= GAP_US)


def test_routes_are_no_shorter_than_displacements(products: Products) -> None:
    legs = [leg for bird in products.birds() for leg in products.tables["leg"][bird]]
    assert len(legs) > 20
    for leg in legs:
        assert leg["length_m"] >= leg["displacement_m"] - 1e-6 * leg["length_m"]
        assert 0 <= leg["straightness"] <= 1
        assert leg["departure_time"] < leg["arrival_time"]


def test_stays_of_one_bird_do_not_overlap_and_share_no_fix(products: Products) -> None:
    for bird in products.birds():
        times = [us(fix["time"]) for fix in products.tables["fix"][bird]]
        for table in ("stay", "stopover"):
            stays = products.tables[table][bird]
            ends = [(us(s["arrival_time_latest"]), us(s["departure_time_earliest"])) for s in stays]
            assert all(a < b for a, b in ends)
            assert all(before[1] < after[0] for before, after in pairwise(ends))
            for stay, (a, b) in zip(stays, ends, strict=True):
                assert a in times and b in times
                assert us(stay["arrival_time_earliest"]) <= a
                assert us(stay["departure_time_latest"]) >= b
                assert stay["n_fixes"] <= sum(a <= t <= b for t in times)


def test_stays_travel_and_silence_make_up_the_whole_span(products: Products) -> None:
    """To the microsecond: nothing is counted twice, nothing is left out."""
    for bird in products.birds():
        times = [us(fix["time"]) for fix in products.tables["fix"][bird]]
        stays, legs = products.tables["stopover"][bird], products.tables["leg"][bird]
        assert len(legs) == max(len(stays) - 1, 0)
        clock = us(stays[0]["arrival_time_latest"]) if stays else times[-1]
        for number, stay in enumerate(stays):
            assert us(stay["arrival_time_latest"]) == clock
            clock += round(stay["duration_min_s"] * 1e6)
            assert us(stay["departure_time_earliest"]) == clock
            assert stay["observed_s"] == stay["duration_min_s"]
            if number < len(legs):
                leg = legs[number]
                assert us(leg["departure_time"]) == clock
                inside = [t for t in times if clock <= t <= us(leg["arrival_time"])]
                assert round(leg["observed_s"] * 1e6) == observed_us(inside)
                clock += round((leg["observed_s"] + leg["unobserved_s"]) * 1e6)
        head = [t for t in times if not stays or t <= us(stays[0]["arrival_time_latest"])]
        tail = [t for t in times if stays and t >= clock]
        travel = observed_us(head) + observed_us(tail)
        seen = travel / 1e6 + sum(row["observed_s"] for row in (*stays, *legs))
        assert seen * 1e6 == pytest.approx(observed_us(times), abs=1)
        days = sum(row["bird_days"] for row in products.tables["presence_day"][bird])
        assert days == pytest.approx(observed_us(times) / DAY_US, abs=1e-6)


def class_of(layer: str, fix: Row, cover: rasterio.DatasetReader, cells) -> int:
    """Look a place up the plain way: the smallest box that holds it, or the cell it is in."""
    lon, lat = fix["lon"], fix["lat"]
    if layer == "raster":
        column, row = (math.floor(each) for each in ~cover.transform @ (lon, lat))
        if not (0 <= row < cover.height and 0 <= column < cover.width):
            return -1
        return int(cells[row, column])
    named = AREAS if layer == "boundary" else RESERVES
    holding = [
        ((e - w) * (n - s), list(named).index(name))
        for name, (w, s, e, n) in named.items()
        if w <= lon <= e and s <= lat <= n
    ]
    return min(holding)[1] if holding else -1


def test_bird_days_are_the_sum_over_the_visible_fixes(products: Products, shared_data) -> None:
    with rasterio.open(shared_data / COVER) as cover:
        cells, nodata = cover.read(1), cover.nodata
        for bird in products.birds():
            fixes = products.tables["fix"][bird]
            expected: dict[tuple[str, int], float] = defaultdict(float)
            for number, fix in enumerate(fixes):
                near = [fixes[k] for k in (number - 1, number + 1) if 0 <= k < len(fixes)]
                steps = [abs(us(other["time"]) - us(fix["time"])) for other in near]
                days = sum(step / 2 for step in steps if step <= GAP_US) / DAY_US
                for layer in ("boundary", "polygons", "raster"):
                    found = class_of(layer, fix, cover, cells)
                    found = -1 if layer == "raster" and found == nodata else found
                    expected[layer, found] += days
            rows = products.tables["use_day"][bird]
            got = {(row["layer"], row["class_id"]): row["bird_days"] for row in rows}
            assert got == pytest.approx({k: v for k, v in expected.items() if v}, abs=1e-6), bird


def test_sums_by_class_area_bird_and_season_are_one(products: Products) -> None:
    total = sum(
        row["bird_days"]
        for bird in products.birds()
        for row in products.tables["presence_day"][bird]
    )
    assert total > 1000
    assert len(products.use) == 12
    for key, use in products.use.items():
        assert sum(row["bird_days"] for row in use.rows) == pytest.approx(total, abs=1e-6), key
        assert sum(row["bird_days"] / total for row in use.rows) == pytest.approx(1, abs=1e-9)
        assert use.pending_bird_days == pytest.approx(0, abs=1e-6)
    assert len(products.use["raster", "class"].rows) > 5


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), n=st.integers(2, 9), order=st.randoms(use_true_random=False))
def test_the_order_of_the_data_changes_nothing(
    new_database: Callable[[], str], seed: int, n: int, order: random.Random
) -> None:
    """A small flock whole, and in pieces shuffled with its reference data, drained now and then."""
    birds = flock(seed=seed, birds=1, days=30)
    events, reference = flock_csv(birds), reference_csv(birds)
    parts = [*split(events, n, seed=seed), reference]
    order.shuffle(parts)
    pauses = {order.randrange(len(parts)) for _ in range(3)}

    async def content(bodies: list[bytes]) -> dict[str, dict[str, str]]:
        service = await open_service(new_database())
        try:
            for number, body in enumerate(bodies):
                await service.push(body)
                if number in pauses:
                    await service.drain()
            await service.drain()
            return await service.content()
        finally:
            await service.store.close()

    assert asyncio.run(content(parts)) == asyncio.run(content([reference, events]))
