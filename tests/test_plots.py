"""The panels of a plot: what is on them, said as text in the SVG."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon

from app.plots import AREAS_MAX, BIRDS_NAMED, Area, Bird, Stay, draw

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2023, 11, 20, tzinfo=UTC)


def a_bird(name="WNC-17", *, lon=127.0, days=60, error_m=20.0):
    n = days * 4
    stays = (
        Stay(START, START + timedelta(days=50), START, START + timedelta(days=51), lon, 38.0,
             "wintering", "Cheorwon Basin"),
    )  # fmt: skip
    time_s = START.timestamp() + np.arange(n) * 6 * 3600.0
    lons = (lon + 0.02 * np.sin(np.arange(n)) + 180.0) % 360.0 - 180.0
    seasons = (("wintering", START, START + timedelta(days=50)),)
    lat = 38.0 + 0.01 * np.arange(n)
    return Bird(name, time_s, lons, lat, np.full(n, error_m), stays, seasons)


def texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def plain() -> bytes:
    return draw("WNC-17 - Grus vipio", "240 visible fixes", [a_bird()])


def test_every_panel_has_its_title_labels_and_units(plain: bytes) -> None:
    said = texts(plain)
    for words in (
        "WNC-17 - Grus vipio", "240 visible fixes", "Longitude [degrees east]",
        "Latitude [degrees north]", "Time [UTC]", "NSD [million km²]", "Day of the year [UTC]",
        "Cheorwon Basin", "wintering", "2023", "2024",
    ):  # fmt: skip
        assert words in said
    assert any(each.endswith(" km") for each in said)  # the scale bar


def test_a_name_with_dollars_is_no_formula() -> None:
    name = r"$\frac$ 10"
    assert name in texts(draw(name, "", [a_bird(name, days=2)]))


def an_area(season, level, km2, lon=127.0):
    shell = [(lon, 38.0), (lon + 0.2, 38.0), (lon + 0.2, 38.2), (lon, 38.0)]
    hole = [(lon + 0.15, 38.05), (lon + 0.15, 38.1), (lon + 0.18, 38.1), (lon + 0.15, 38.05)]
    shape = MultiPolygon(
        [Polygon(shell, [hole]), Polygon([(-179.9, 38), (-179.8, 38), (-179.8, 39)])]
    )
    return Area(season, level, "akde", km2, shape)


def test_areas_are_outlined_on_the_map_and_the_latest_seasons_drawn_large(plain: bytes) -> None:
    seasons = [f"{2010 + year}-wintering" for year in range(AREAS_MAX + 1)]
    areas = [an_area(name, level, 123_456.0 * level) for name in seasons for level in (95, 50)]
    svg = draw("WNC-17", "", [replace(a_bird(lon=179.9), areas=tuple(areas))])
    said = texts(svg)
    assert any("areas of 50 and 95 % of time" in each for each in said)
    assert not any("areas of" in each for each in texts(plain))
    titles = [each for each in said if "(akde)" in each]
    assert titles == [f"{name} (akde)" for name in seasons[1:]]
    assert "95 %: 11,700,000 km²" in said
    assert "50 %: 6,170,000 km²" in said
    assert "-150" not in said  # a part beyond 180 degrees is drawn beside the others
    two = draw("A study", "", [replace(a_bird("A"), areas=tuple(areas)), a_bird("B")])
    assert not any("(akde)" in each for each in texts(two))
    assert any("areas of 50 and 95 %" in each for each in texts(two))


def test_the_same_bird_gives_the_same_bytes(plain: bytes) -> None:
    assert draw("WNC-17 - Grus vipio", "240 visible fixes", [a_bird()]) == plain


def test_across_180_degrees_in_one_piece_and_large_errors_as_circles(plain: bytes) -> None:
    there = draw("A", "", [a_bird(lon=180.0, error_m=20_000.0)])
    assert "-150" not in texts(there)  # the axis does not span the globe
    assert there.count(b"<use") + there.count(b"<path") > plain.count(b"<use") + plain.count(
        b"<path"
    )


def test_of_many_birds_the_calendar_names_each_and_one_may_be_bare() -> None:
    none = np.empty(0)
    birds = [a_bird(f"B{i:02d}", days=8, error_m=float("nan")) for i in range(BIRDS_NAMED)]
    said = texts(draw("A study", "", [*birds, Bird("new", none, none, none, none, (), ())]))
    assert {f"B{i:02d} 2023" for i in range(BIRDS_NAMED)} <= set(said)
    assert "B00" not in said


def test_nothing_to_draw_is_drawn_as_empty_panels() -> None:
    assert "NSD [million km²]" in texts(draw("an empty study", "", []))
