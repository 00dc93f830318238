"""Seasons on the map: one colour each in every year, in words, and one for what has none."""

import re
from typing import Any

from .conftest import Stub, Visit
from .test_palette import colours

SEASONS = ["spring", "breeding", "summering", "autumn", "wintering", "none"]
NONE = "No season: tracks, latest positions and unclear stays"


def drawn(visit: Visit, layer: str, name: str) -> dict[str, str]:
    """Give the colour in which a layer draws each value of a property, as MapLibre works it out."""
    paint = {"stopovers": "circle-color", "positions": "circle-color"}.get(layer, "line-color")
    found: list[list[Any]] = visit.page.evaluate(
        "([layer, paint, name]) => flyways.map.queryRenderedFeatures({ layers: [layer] })"
        ".map((found) => [String(found.properties[name] ?? ''),"
        " found.layer.paint[paint].toString()])",
        [layer, paint, name],
    )
    return {value: as_hex(colour) for value, colour in found}


def as_hex(colour: str) -> str:
    """Read `rgba(r, g, b, 1)` with parts 0..255."""
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def test_each_season_has_one_colour_in_light_and_in_dark(visit: Visit) -> None:
    page = visit.open("#colour=season&layers=tracks,stopovers,flyways").page
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "(colour) => JSON.stringify(flyways.map.getPaintProperty('stopovers', 'circle-color'))"
            ".includes(colour)",
            arg=colours(theme, "seasons")[0],
        )
        visit.settle()
        palette = dict(zip(SEASONS, colours(theme, "seasons"), strict=True))
        assert drawn(visit, "stopovers", "season") == {
            "2024-wintering": palette["wintering"], "2025-spring": palette["spring"],
            "2025-breeding": palette["breeding"], "": palette["none"],
        }  # fmt: skip
        assert drawn(visit, "tracks-observed", "season") == {"": palette["none"]}
        assert drawn(visit, "connections", "season") == {"spring": palette["spring"]}


def test_the_legend_names_what_is_shown_and_what_has_no_season(visit: Visit) -> None:
    page = visit.open("#layers=tracks,stopovers").page
    page.select_option("#filter-colour", "season")
    rows = page.locator("#legend .row")
    assert rows.all_inner_texts() == ["Spring", "Breeding", "Wintering", NONE]
    assert visit.fragment()["colour"] == "season"
    page.uncheck("#layer-tracks")
    assert rows.all_inner_texts()[-1] == NONE  # a vagrant's stays are left
    page.select_option("#filter-species", "Grus monacha")
    visit.settle()
    assert rows.all_inner_texts() == ["Spring", "Breeding", "Wintering"]
    assert visit.complaints == []


def test_only_seasons_of_a_year_can_be_chosen(visit: Visit, stub: Stub) -> None:
    """A flyway's `spring` stands for all years: as a filter the service would refuse it."""
    stub.feeds["stopovers"][0]["properties"]["season"] = "2025-summering"
    page = visit.open("#layers=stopovers,flyways").page
    offered = page.locator("#filter-season option").all_inner_texts()
    assert offered == [
        "All", "Wintering 2025/26", "Autumn 2025", "Summering 2025", "Breeding 2025", "Spring 2025",
        "Wintering 2024/25",
    ]  # fmt: skip


def test_a_stay_and_a_flyway_say_their_season_in_words(visit: Visit) -> None:
    page = visit.open("#layers=stopovers,flyways&map=7.00/38.2300/127.2100").page
    page.locator("#list-stopovers summary").click()
    page.locator("#list-stopovers button").first.click()
    assert "Season\nBreeding 2025" in page.inner_text("#details")
    page.evaluate(
        "flyways.choose(flyways.whole({ feed: 'flyways', index:"
        " flyways.loader.data.flyways.findIndex((one) => one.properties.part === 'connection') }))"
    )
    assert "Season\nSpring\n" in page.inner_text("#details")
