from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from app.movement.compat import generalised, geopackage, mf_json, peer_stops, trajectory
from app.movement.stops import StopRule
from app.movement.track import HOUR_US

START_US = 1_577_836_800_000_000
LON = np.array([100.0, 101.0, 100.0, 179.5, -179.5])
LAT = np.array([50.0, 51.0, 50.0, 0.0, -90.0])
TIME_US = START_US + np.array([0, 1, HOUR_US, 2 * HOUR_US, 3 * HOUR_US])


def test_a_trajectory_bears_the_name_and_each_fix_at_its_time():
    made = trajectory("Ada 7", TIME_US, LON, LAT)
    assert made.id == "Ada 7"
    assert made.df.index.to_numpy().astype("datetime64[us]").astype(np.int64).tolist() == (
        TIME_US.tolist()
    )
    assert made.df.geometry.x.tolist() == LON.tolist()
    assert made.df.geometry.y.tolist() == LAT.tolist()
    assert made.df.crs.to_epsg() == 4326


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_fixes_are_no_trajectory(n):
    with pytest.raises(ValueError, match="two rows"):
        trajectory("Ada", TIME_US[:n], LON[:n], LAT[:n])


def test_moving_features_hold_every_fix_with_its_microsecond():
    feature = json.loads(json.dumps(mf_json("Ada", TIME_US, LON, LAT)))
    assert feature["type"] == "Feature"
    moving = feature["temporalGeometry"]
    assert moving["type"] == "MovingPoint"
    assert moving["coordinates"] == np.column_stack([LON, LAT]).tolist()
    assert moving["datetimes"][:3] == [
        "2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000001Z", "2020-01-01T01:00:00.000000Z"
    ]  # fmt: skip


def test_each_bird_is_a_trajectory_of_its_own_name():
    names = [mf_json(name, TIME_US, LON, LAT)["properties"] for name in ("Ada", "Bo", "丹顶鹤")]
    assert [p["traj_id"] for p in names] == ["Ada", "Bo", "丹顶鹤"]
    assert [p["individual"] for p in names] == ["Ada", "Bo", "丹顶鹤"]


@settings(max_examples=15)
@given(st.lists(st.integers(-(10**15), 4 * 10**15), min_size=2, max_size=6, unique=True))
def test_times_of_moving_features_read_back(times):
    time_us = np.array(sorted(times))
    n = time_us.shape[0]
    moving = mf_json("Ada", time_us, np.arange(n) * 1.0, np.zeros(n))["temporalGeometry"]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    read = [
        (datetime.fromisoformat(t) - epoch) // timedelta(microseconds=1)
        for t in moving["datetimes"]
    ]
    assert read == time_us.tolist()


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(-90, 90), st.integers(-80, 80)), min_size=2, max_size=12,
             unique=True),
    st.sampled_from([1e-9, 0.5, 5.0, 500.0]),
)  # fmt: skip
def test_what_is_kept_are_fixes_and_none_left_out_lies_farther_off(places, tolerance_deg):
    lon, lat = (np.array(v, dtype=float) for v in zip(*places, strict=True))
    time_us = START_US + np.arange(len(places)) * HOUR_US
    kept_us, kept_lon, kept_lat = generalised(time_us, lon, lat, tolerance_deg)
    index = (kept_us - START_US) // HOUR_US
    assert kept_lon.tolist() == lon[index].tolist()
    assert kept_lat.tolist() == lat[index].tolist()
    assert index[0] == 0 and index[-1] == len(places) - 1
    assert np.all(np.diff(index) > 0)
    line = LineString(np.column_stack([kept_lon, kept_lat]))
    assert max(line.distance(Point(*place)) for place in places) <= tolerance_deg + 1e-9


def test_a_bird_that_stood_still_is_one_stop_at_its_place():
    time_us = START_US + np.arange(6) * HOUR_US
    still = np.full(6, 127.5), np.full(6, 38.0)
    stops, centre = peer_stops(time_us, *still, StopRule(1000.0, 3 * HOUR_US))
    assert stops.tolist() == [[time_us[0], time_us[-1]]]
    np.testing.assert_allclose(centre, [[127.5, 38.0]])


def test_a_bird_that_never_stopped_has_no_stops_but_their_shape():
    time_us = START_US + np.arange(6) * HOUR_US
    stops, centre = peer_stops(
        time_us, np.arange(6) * 1.0, np.zeros(6), StopRule(1000.0, 3 * HOUR_US)
    )
    assert stops.shape == (0, 2) and stops.dtype == np.int64
    assert centre.shape == (0, 2)


def rows_of(content, tmp_path, layer):
    path = tmp_path / "x.gpkg"
    path.write_bytes(content)
    with sqlite3.connect(path) as conn:
        (srs,) = conn.execute(
            "select srs_id from gpkg_contents where table_name = ?", [layer]
        ).fetchone()
        return srs, conn.execute(f'select * from "{layer}"').fetchall()


def test_a_geopackage_holds_the_rows_and_what_they_say(tmp_path):
    lines = shapely.MultiLineString([[(179.0, 0.0), (180.0, 1.0)], [(-180.0, 1.0), (-179.0, 2.0)]])
    rows = [
        {"individual": "丹顶鹤", "n_fixes": 3, "geometry": lines},
        {"individual": "Ada", "n_fixes": 2**40, "geometry": lines},
    ]
    srs, found = rows_of(geopackage("tracks", rows), tmp_path, "tracks")
    assert srs == 4326
    assert [row[2:] for row in found] == [("丹顶鹤", 3), ("Ada", 2**40)]
    header = 8 + 32  # the fixed part and an envelope of x and y, before the WKB
    assert [shapely.from_wkb(row[1][header:]) for row in found] == [lines, lines]


def test_a_geopackage_of_nothing_is_a_geopackage(tmp_path):
    srs, found = rows_of(geopackage("tracks", []), tmp_path, "tracks")
    assert (srs, found) == (4326, [])
