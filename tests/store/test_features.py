"""Features as RFC 7946 wants them: cut at the antimeridian, areas left-turning, lines as flown."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import features
from app.store.engine import execute


async def geojson(conn, wkt: str):
    sql = features.geometry("st_geomfromtext(:wkt, 4326)")
    (row,) = await execute(conn, f"select {sql}::text as text", {"wkt": wkt})
    return row["text"] and json.loads(row["text"])


@pytest.mark.parametrize(
    ("wkt", "kind", "coordinates"),
    [
        ("POINT(180 90)", "Point", [180, 90]),
        ("POINT(-180 -90)", "Point", [-180, -90]),
        ("POINT(127.12345678 38.98765432)", "Point", [127.1234568, 38.9876543]),
        ("LINESTRING(128 38,127 39)", "LineString", [[128, 38], [127, 39]]),
        ("LINESTRING(179 60,180 61)", "LineString", [[179, 60], [180, 61]]),
        ("POLYGON((0 0,0 1,1 1,0 0))", "Polygon", [[[0, 0], [1, 1], [0, 1], [0, 0]]]),
    ],
)  # fmt: skip
async def test_shapes_within_one_half_are_as_they_are(trial, wkt, kind, coordinates) -> None:
    found = await geojson(trial, wkt)
    assert (found["type"], found["coordinates"]) == (kind, coordinates)


async def test_a_line_over_the_antimeridian_is_cut_there_in_its_order(trial) -> None:
    found = await geojson(trial, "LINESTRING(179 60,-179 62)")
    assert found["type"] == "MultiLineString"
    pieces = sorted(found["coordinates"], key=lambda piece: -piece[0][0])
    assert pieces == [[[179, 60], [180, 61]], [[-180, 61], [-179, 62]]]


LONS = st.just(180.0) | st.floats(150, 210).map(lambda lon: round(lon, 3))
WAYS = st.lists(st.tuples(LONS, st.floats(-80, 80).map(lambda lat: round(lat, 3))),
                min_size=2, max_size=6, unique=True)  # fmt: skip


def wrapped(way: list[tuple[float, float]]) -> shapely.LineString:
    """Give a line of running longitudes as a bird's fixes tell them."""
    return shapely.LineString([((lon + 180) % 360 - 180, lat) for lon, lat in way])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WAYS)
async def test_a_cut_line_covers_the_whole_and_stays_on_the_map(flock, way) -> None:
    """The oracle unrolls the world; a cut line runs as it was flown, to and fro."""
    whole = shapely.LineString(way)
    async with flock.trial() as conn:
        found = shapely.geometry.shape(await geojson(conn, wrapped(way).wkt))
    west, _, east, _ = found.bounds
    assert -180 <= west <= east <= 180
    unrolled = shapely.transform(found, lambda xy: np.column_stack([xy[:, 0] % 360, xy[:, 1]]))
    covered, flown = (shapely.union_all([each]) for each in (unrolled, whole))
    assert covered.length == pytest.approx(flown.length, abs=1e-4)
    assert covered.hausdorff_distance(flown) < 1e-6
    assert found.length == pytest.approx(whole.length, abs=1e-4)
    vertices = [spot for spot in shapely.get_coordinates(unrolled).tolist() if spot[0] != 180.0]
    assert vertices == [[lon, lat] for lon, lat in way if lon != 180.0]


async def test_a_month_around_a_roost_beyond_the_antimeridian_is_cut_in_a_moment(trial) -> None:
    """A line that crosses itself a hundred thousand times is still cut where it crosses 180."""
    rng = np.random.default_rng(1)
    there, here = (rng.normal(place, 0.02, (4000, 2)).tolist() for place in ((190, 66), (177, 64)))
    way = [*there, [178.0, 65.0], *here]
    await execute(trial, "set local statement_timeout = '5 s'", {})
    found = await geojson(trial, wrapped(way).wkt)
    assert [len(piece) for piece in found["coordinates"]] == [4001, 4002]
    again = await geojson(trial, shapely.geometry.shape(found).wkt)
    assert again == found


@pytest.mark.parametrize(
    "wkt",
    [
        "LINESTRING(170 10,-180 20,-180 30,-170 40)",
        "MULTILINESTRING((170 10,180 20,180 30),(-180 20,-180 30,-170 40))",
        "MULTIPOLYGON(((170 10,180 10,180 20,170 10)),((-180 10,-170 10,-180 20,-180 10)))",
    ],
)
async def test_what_runs_along_the_antimeridian_can_be_shown(trial, wkt) -> None:
    """One such bird must not take the map from all the others."""
    found = shapely.geometry.shape(await geojson(trial, wkt))
    assert found.bounds == (-180, 10, 180, shapely.from_wkt(wkt).bounds[3])


async def test_an_area_over_the_antimeridian_keeps_its_size(trial) -> None:
    found = await geojson(trial, "POLYGON((179 60,-178 60,-178 62,179 62,179 60))")
    area = shapely.geometry.shape(found)
    assert area.area == pytest.approx(6.0)
    assert all(shapely.is_ccw(piece.exterior) for piece in area.geoms)


@pytest.mark.parametrize("wkt", [None, "POINT EMPTY", "MULTILINESTRING EMPTY"])
async def test_nothing_is_nothing(trial, wkt) -> None:
    found = await geojson(trial, wkt)
    assert found is None or found["coordinates"] == []


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2020, 3, 1, 12, 34, 56, tzinfo=UTC), "2020-03-01T12:34:56Z"),
        (datetime(2020, 3, 1, 12, 34, 56, 120_000, tzinfo=UTC), "2020-03-01T12:34:56.12Z"),
        (datetime(1978, 1, 1, tzinfo=UTC), "1978-01-01T00:00:00Z"),
        (None, None),
    ],
)
async def test_times_are_written_with_z(trial, time, text) -> None:
    sql = features.when("cast(:time as timestamptz)")
    assert await execute(trial, f"select {sql} as text", {"time": time}) == [{"text": text}]


async def test_a_feature_names_itself_and_escapes_what_people_write(trial) -> None:
    name = 'K"1\\ \u2028 </script> 鹤'
    rows = await features.read(
        trial,
        "select " + features.feature("'r1'", "st_makepoint(1, 2)", {"name": "cast(:n as text)"})
        + " as text, 5 as key0, gen_random_uuid() as key1",
        {"n": name},
    )  # fmt: skip
    (feature,) = rows
    told = json.loads(feature.text)
    assert told == {"type": "Feature", "id": "r1", "properties": {"name": name},
                    "geometry": {"type": "Point", "coordinates": [1, 2]}}  # fmt: skip
    assert feature.key[0] == 5 and isinstance(feature.key[1], str)
