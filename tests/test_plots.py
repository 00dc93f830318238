"""The panels of a plot: what is on them, said as text in the SVG."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import numpy as np

from app.plots import BIRDS_NAMED, Bird, Stay, draw

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


def test_every_panel_has_its_title_labels_and_units() -> None:
    said = texts(draw("WNC-17 - Grus vipio", "240 visible fixes", [a_bird()]))
    for words in (
        "WNC-17 - Grus vipio", "240 visible fixes", "Longitude [degrees east]",
        "Latitude [degrees north]", "Time [UTC]", "NSD [million km²]", "Day of the year [UTC]",
        "Cheorwon Basin", "wintering", "2023", "2024",
    ):  # fmt: skip
        assert words in said
    assert any(each.endswith(" km") for each in said)  # the scale bar


def test_the_same_bird_gives_the_same_bytes() -> None:
    assert draw("A", "", [a_bird()]) == draw("A", "", [a_bird()])


def test_a_bird_across_180_degrees_is_drawn_in_one_piece() -> None:
    here = ET.fromstring(draw("A", "", [a_bird(lon=127.0)]))
    there = ET.fromstring(draw("A", "", [a_bird(lon=180.0)]))
    size = [len(list(each.iter(f"{SVG}path"))) for each in (here, there)]
    assert abs(size[0] - size[1]) < 12
    assert "-150" not in texts(ET.tostring(there))  # the axis does not span the globe


def test_large_errors_are_drawn_and_unseen_ones_are_not() -> None:
    sharp, dim = (draw("A", "", [a_bird(error_m=e)]) for e in (20.0, 20_000.0))
    assert dim.count(b"<use") + dim.count(b"<path") > sharp.count(b"<use") + sharp.count(b"<path")


def test_of_many_birds_the_calendar_names_each() -> None:
    birds = [a_bird(f"B{i:02d}") for i in range(BIRDS_NAMED + 1)]
    said = texts(draw("A study", "", birds))
    assert {f"B{i:02d} 2023" for i in range(BIRDS_NAMED + 1)} <= set(said)
    assert "B00" not in said


def test_nothing_to_draw_is_drawn_as_empty_panels() -> None:
    none = np.empty(0)
    bare = Bird("new", none, none, none, none, (), ())
    assert "NSD [million km²]" in texts(draw("new", "", [bare]))
    assert "NSD [million km²]" in texts(draw("an empty study", "", []))
    assert draw("no error", "", [a_bird(error_m=float("nan"))])
