from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Decoded, UnreadablePush, decode, decode_many
from ingest.datum import gcj02_to_bd09, outside_china, to_wgs84, wgs84_to_gcj02

NOW_US = 1_795_000_000_000_000
MICRODEGREE = 1e-6


def placed(lon: list[float | None], lat: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"lon": lon, "lat": lat, "lon2": [None] * len(lon), "lat2": [None] * len(lat)},
        schema=dict.fromkeys(("lon", "lat", "lon2", "lat2"), pl.Float64),
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(73, 137), st.floats(1.5, 55))
def test_shifted_places_come_back(lon: float, lat: float) -> None:
    there = np.array([lon]), np.array([lat])
    gcj02 = wgs84_to_gcj02(*there)
    for datum, shifted in (("gcj02", gcj02), ("bd09", gcj02_to_bd09(*gcj02))):
        back = to_wgs84(placed(list(shifted[0]), list(shifted[1])), datum)
        assert abs(back["lon"][0] - lon) < MICRODEGREE
        assert abs(back["lat"][0] - lat) < MICRODEGREE


@settings(max_examples=25, deadline=None)
@given(st.floats(73, 137), st.floats(1.5, 55))
def test_the_shift_is_hundreds_of_metres(lon: float, lat: float) -> None:
    moved = wgs84_to_gcj02(np.array([lon]), np.array([lat]))
    east_m = (moved[0][0] - lon) * 111_320 * np.cos(np.radians(lat))
    north_m = (moved[1][0] - lat) * 111_320
    assert np.hypot(east_m, north_m) < 1_500


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_places_out_of_china_and_no_places_stay(datum: str) -> None:
    rows = placed([6.5, None, -70.0], [53.0, None, -33.0])
    assert to_wgs84(rows, datum).equals(rows)


def test_the_known_point_of_the_map_clients() -> None:
    # Tiananmen in WGS 84 and as Amap shows it.
    lon, lat = wgs84_to_gcj02(np.array([116.3912757]), np.array([39.906217]))
    assert (lon[0], lat[0]) == pytest.approx((116.3975153, 39.9076208), abs=2e-5)


def test_an_unknown_datum_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode(b"[]", datum="tokyo", now_us=NOW_US)
    assert caught.value.code == "datum-unknown"


@pytest.mark.parametrize("encoding", [None, "utf-8", "gb18030"])
def test_many_pushes_are_moved_as_each_is(encoding: str | None) -> None:
    sent = [
        f'[{{"tag": "鹤{n}", "time": "2020-01-01T00:00:00Z", "lon": {100 + n}, "lat": 40}}]'.encode(
            encoding or "utf-8"
        )
        for n in range(3)
    ]
    how = {"format": "flyways-json", "encoding": encoding, "datum": "gcj02"}
    many = decode_many(sent, now_us=[NOW_US] * 3, **how)
    for payload, found in zip(sent, many, strict=True):
        alone = decode(payload, now_us=NOW_US, **how)
        assert isinstance(found, Decoded)
        assert found.records.equals(alone.records)
        assert found.records["tag"][0].startswith("鹤")
        assert found.records["lon"][0] != round(found.records["lon"][0])


PLACES = {
    (116.0, 29.1): False,  # Poyang Hu
    (124.2, 47.2): False,  # Zhalong
    (120.5, 33.6): False,  # Yancheng, on the coast
    (124.4, 40.0): False,  # mouth of the Yalu
    (110.3, 20.0): False,  # Hainan
    (127.2, 38.2): True,  # Cheorwon
    (127.5, 34.8): True,  # Suncheon
    (130.2, 32.1): True,  # Izumi
    (106.9, 47.9): True,  # Ulaanbaatar
    (105.8, 20.9): True,  # Red River
    (6.5, 53.0): False,  # beyond the rectangle: not shifted by anybody
}


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_positions_outside_of_china_are_counted(datum: str) -> None:
    sent = "timestamp,location-long,location-lat,tag-id\n2020-01-01 00:00:00,,,7\n" + "".join(
        f"2020-01-01 00:00:00,{lon},{lat},7\n" for lon, lat in PLACES
    )
    (warning,) = decode(sent.encode(), datum=datum, now_us=NOW_US).warnings
    assert warning.code == "datum-outside-china"
    assert warning.detail.startswith(f"{sum(PLACES.values())} position(s)")
    assert decode(sent.encode(), now_us=NOW_US).warnings == []
    json = b'[{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 127.2, "lat": 38.2}]'
    pushes = decode_many([json, json], format="flyways-json", datum=datum, now_us=[NOW_US] * 2)
    assert [[w.code for w in each.warnings] for each in pushes if isinstance(each, Decoded)] == [
        ["datum-outside-china"]
    ] * 2


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_on_its_side(place: tuple[float, float]) -> None:
    records = to_wgs84(placed([place[0]], [place[1]]), "gcj02")
    assert bool(outside_china(records, "gcj02")) == PLACES[place]
