"""The time zone of a place, on land, at sea and at the edges of the map."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.timezones import zone_at
from app.seeds import rows


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [
        (127.21, 38.23, "Asia/Seoul"),  # Cheorwon, 10 km from the border of two zones
        (127.30, 38.60, "Asia/Pyongyang"),
        (130.27, 32.10, "Asia/Tokyo"),  # Izumi
        (121.85, 40.95, "Asia/Shanghai"),  # Panjin
        (87.60, 43.80, "Asia/Shanghai"),  # Urumqi keeps two; the official one is told
        (115.10, 49.70, "Asia/Ulaanbaatar"),  # Mongol Daguur
        (127.70, 49.87, "Asia/Yakutsk"),  # Muraviovka
        (130.00, 37.50, "Etc/GMT-9"),  # the East Sea, or Sea of Japan
        (180.00, 0.00, "Etc/GMT-12"),
    ],
)
def test_places_of_the_flyway(network, lon, lat, zone):
    answer = network.client.get("/api/v1/time-zones", params={"lon": lon, "lat": lat})
    assert answer.json() == {"time_zone": zone}
    assert answer.headers["cache-control"] == "public, max-age=86400"


@pytest.mark.parametrize("asked", ["", "lon=1", "lon=181&lat=0", "lon=0&lat=91", "lon=nan&lat=0"])
def test_a_place_that_is_none_is_told(network, asked):
    answer = network.client.get(f"/api/v1/time-zones?{asked}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-value")
    assert answer.json()["remedy"]


@settings(max_examples=100)
@given(st.floats(-180, 180), st.floats(-90, 90))
def test_every_place_has_a_zone_that_python_knows(lon, lat):
    assert ZoneInfo(zone_at(lon, lat))


def test_every_known_site_keeps_the_hours_of_its_country():
    hours = {"KR": {9}, "JP": {9}, "KP": {9}, "CN": {8}, "MN": {7, 8}, "RU": set(range(2, 13))}
    for site in rows("sites"):
        zone = ZoneInfo(zone_at(float(site["lon"]), float(site["lat"])))
        from_utc = datetime(2026, 1, 1, tzinfo=zone).utcoffset()
        assert from_utc is not None
        if site["country"] in hours:
            assert from_utc.total_seconds() / 3600 in hours[site["country"]], site["name"]
