"""The figures of a report: no word in them, everything inside the frame, nothing invented."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app import figures
from app.plots import KINDS, LINES, Bird, Stay

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2023, 11, 20, tzinfo=UTC)
TICK = re.compile(r"\d+(\.\d+)?°[NSEW]")
"""All that a map or a latitude plot may say beside dates."""


def texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ET.fromstring(svg).iter(f"{SVG}text")]


def fills(svg: bytes) -> Counter[str]:
    return Counter(re.findall(r"fill: (#[0-9a-f]{6})", svg.decode()))


def strokes(svg: bytes) -> Counter[str]:
    return Counter(re.findall(r"stroke: (#[0-9a-f]{6})", svg.decode()))


def height_of(svg: bytes) -> float:
    return float(ET.fromstring(svg).attrib["height"].removesuffix("pt")) / 72


def stay(arrival: datetime, days: float, kind: str = "stopover") -> Stay:
    end = arrival + timedelta(days=days)
    return Stay(arrival, end, arrival, end, 120.0, 40.0, kind, None)


def bird(name="WNC-17", *, days=20, stays=(), lat=38.0) -> Bird:
    n = 4 * days
    time_s = START.timestamp() + np.arange(n) * 21_600.0
    lats = lat + 0.01 * np.arange(n)
    return Bird(name, time_s, np.full(n, 127.0), lats, np.full(n, 20.0), tuple(stays), ())


def square(west, south, size=2.0) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shapely.box(west, south, west + size, south + size)])


@pytest.fixture(scope="module")
def found() -> figures.Route:
    return figures.Route(
        corridors={95: square(118, 30, 12), 50: square(121, 33, 4)},
        connections=[
            shapely.LineString([(120, 32), (125, 40)]),
            shapely.MultiLineString([[(121, 33), (122, 35)], [(122, 36), (123, 38)]]),
        ],
        sites=[(120.0, 32.0, 900.0), (125.0, 40.0, 10.0)],
        land=[square(100, 20, 40), square(-60, -30)],
    )


def test_a_map_says_degrees_and_nothing_else(found) -> None:
    said = texts(figures.route(found))
    assert len(said) >= 4
    assert all(TICK.fullmatch(each) for each in said), said
    assert {each[-1] for each in said} == {"N", "E"}


def test_a_map_draws_both_corridors_the_lines_the_sites_and_the_land_that_is_near(found) -> None:
    svg = figures.route(found)
    drawn = fills(svg)
    assert all(drawn[each] for each in (*figures.CORRIDOR.values(), figures.LAND, figures.SEA))
    assert strokes(svg)["#444444"] == 3  # one line, and one of two parts
    far = figures.Route(found.corridors, found.connections, found.sites, [square(-60, -30)])
    assert fills(figures.route(far))[figures.LAND] == 0


def test_a_mean_route_is_a_double_line_and_silences_are_dashed(found) -> None:
    line = shapely.MultiLineString([[(120, 32), (150, 60)], [(121, 33), (122, 35)]])
    more = replace(found, means=[line], silences=[line])
    drawn = figures.route(more)
    assert strokes(drawn)[figures.MEAN[0]] == strokes(drawn)[figures.MEAN[1]] == 2
    assert (
        strokes(drawn)[figures.SILENCE]
        == len(re.findall("stroke-dasharray: [1-9]", drawn.decode()))
        == 2
    )
    assert figures._frame(more)[2] > 150 > figures._frame(found)[2]


def test_a_site_with_more_bird_days_is_larger(found) -> None:
    spans = []
    for path in ET.fromstring(figures.route(found)).iter(f"{SVG}path"):
        if "stroke: #ffffff" in path.attrib["style"]:
            x = [float(each) for each in re.findall(r"[\d.]+", path.attrib["d"])[::2]]
            spans.append(max(x) - min(x))
    assert len(spans) == 2 and max(spans) > 2 * min(spans)


def test_sites_without_bird_days_are_drawn_small_and_not_divided_by(found) -> None:
    nothing = figures.Route({}, [], [(120.0, 32.0, 0.0), (121.0, 33.0, 0.0)], [])
    assert strokes(figures.route(nothing))["#ffffff"] >= 2


@pytest.mark.parametrize(
    ("corridor", "high"),
    [
        (shapely.box(100, 10, 104, 60), figures.MAP_HIGH_IN[1]),  # Siberian Crane
        (shapely.box(60, 30, 130, 34), figures.MAP_HIGH_IN[0]),
    ],
)
def test_a_map_is_as_high_as_its_flyway_is_long_within_a_page(corridor, high) -> None:
    svg = figures.route(figures.Route({95: corridor}, [], [], []))
    assert height_of(svg) == pytest.approx(high)


@given(
    west=st.floats(-170, 160), south=st.floats(-80, 70), wide=st.floats(0, 60),
    high=st.floats(0, 60),
)  # fmt: skip
def test_the_frame_holds_everything_with_a_margin(west, south, wide, high) -> None:
    north = min(south + high, 90.0)
    ends = [(west, south, 1.0), (west + wide, north, 1.0)]
    box = figures._frame(figures.Route({}, [], ends, []))
    assert box[0] <= west - 1 and box[2] >= west + wide + 1
    assert -90 <= box[1] <= south and north <= box[3] <= 90
    margin = west - box[0]
    assert margin == pytest.approx(max(1.0, 0.04 * max(wide, north - south)))


@given(st.floats(-540, 540), st.sampled_from(["NS", "EW"]))
def test_degrees_are_said_with_their_side_and_longitudes_turn_at_180(value, ends) -> None:
    said = figures._degrees(value, ends)
    number, side = float(said[:-2]), said[-1]
    assert said[-2] == "°" and side in ends and number >= 0
    signed = number if side == ends[0] else -number
    if ends == "NS":
        assert signed == pytest.approx(value, rel=1e-4, abs=1e-4)
    else:
        assert number <= 180
        turned = (signed - value + 180) % 360 - 180
        assert abs(turned) < 1e-2


def test_latitude_is_one_line_a_bird_in_its_colour_with_degrees_and_dates() -> None:
    birds = [bird(f"B{n}", lat=30.0 + n) for n in range(3)]
    svg = figures.latitude(birds)
    drawn = strokes(svg)
    assert all(drawn[each] for each in LINES[:3])
    assert drawn[LINES[3]] == 0
    dates = [each for each in texts(svg) if not TICK.fullmatch(each)]
    assert dates and all(re.fullmatch(r"\d{4}-\d\d(-\d\d)?", each) for each in dates)


def test_colours_begin_again_after_the_last() -> None:
    svg = figures.latitude([bird(f"B{n}") for n in range(len(LINES) + 1)])
    assert strokes(svg)[LINES[0]] >= 2


def test_displacement_of_a_bird_that_stays_is_none_and_of_no_fixes_no_line() -> None:
    still = bird(days=3)
    still = Bird("still", still.time_s, still.lon, np.full(12, 38.0), still.error_m, (), ())
    silent = Bird("silent", *[np.empty(0)] * 4, (), ())
    svg = figures.displacement([silent, still])
    assert strokes(svg)[LINES[1]] == 1  # a bird keeps its colour whoever is silent


def test_displacement_is_in_million_square_kilometres() -> None:
    """One degree of a meridian is 111 km: ten of them squared are 1.2 million km2."""
    ends = Bird(
        "two", START.timestamp() + np.array([0.0, 86_400.0]), np.full(2, 120.0),
        np.array([30.0, 40.0]), np.full(2, 20.0), (), (),
    )  # fmt: skip
    numbers = [float(each) for each in texts(figures.displacement([ends])) if "-" not in each]
    assert min(numbers) == 0.0
    assert 0.9 <= max(numbers) <= 1.3


def test_the_calendar_has_a_row_for_each_bird_and_year_it_stayed_in() -> None:
    birds = [bird("A", stays=[stay(START, 60)]), bird("B", stays=[stay(START, 5, "wintering")])]
    (svg,) = figures.calendar(birds)
    said = texts(svg)
    assert [each for each in said if not each.isdecimal()] == ["A  2023", "A  2024", "B  2023"]
    assert [each for each in said if each.isdecimal()] == [str(m) for m in range(1, 13)]
    assert fills(svg)[KINDS["stopover"]] == 2 and fills(svg)[KINDS["wintering"]] == 1


def test_the_calendar_of_birds_that_never_stayed_is_no_figure() -> None:
    assert figures.calendar([]) == figures.calendar([bird()]) == []


def test_an_unknown_kind_has_the_colour_of_unknown() -> None:
    (svg,) = figures.calendar([bird(stays=[stay(START, 5, "moult")])])
    assert fills(svg)[KINDS["unknown"]] == 1


def test_the_calendar_goes_on_in_another_figure_after_a_page(monkeypatch) -> None:
    monkeypatch.setattr(figures, "CALENDAR_ROWS", 2)
    drawn = figures.calendar([bird(f"B{n}", stays=[stay(START, 5)]) for n in range(5)])
    rows = [[each for each in texts(svg) if each.startswith("B")] for svg in drawn]
    assert rows == [["B0  2023", "B1  2023"], ["B2  2023", "B3  2023"], ["B4  2023"]]
    assert height_of(drawn[0]) > height_of(drawn[2])


@given(st.text("aé鹤 ", max_size=60))
def test_a_long_name_is_cut_with_a_sign_and_a_short_one_kept(name) -> None:
    cut = figures._short(name)
    assert len(cut) <= 24
    assert cut == name if len(name) <= 24 else (cut[-1] == "…" and name.startswith(cut[:-1]))


def test_names_in_any_script_stay_text_and_are_no_formula() -> None:
    names = ["鹤 一", "<b>&amp;", "Цэн тогоруу", "", "$x^2$", r"$\frac$"]
    (svg,) = figures.calendar([bird(name, stays=[stay(START, 5)]) for name in names])
    assert {f"{name}  2023".strip() for name in names} <= set(texts(svg))


def test_the_same_input_gives_the_same_bytes(found) -> None:
    assert figures.route(found) == figures.route(found)
    assert figures.latitude([bird()]) == figures.latitude([bird()])


def test_an_area_of_parts_with_holes_is_one_shape_and_an_empty_one_none() -> None:
    holed = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(3, 3), (3, 6), (6, 6), (6, 3)]])
    both = shapely.MultiPolygon([holed, shapely.box(20, 0, 21, 1)])
    svg = figures.route(figures.Route({95: both, 50: shapely.MultiPolygon()}, [], [], []))
    drawn = fills(svg)
    assert drawn[figures.CORRIDOR[95]] == 2  # an outline and its hole are one path
    assert drawn[figures.CORRIDOR[50]] == 0
