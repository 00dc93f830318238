"""The range of days: two sliders, the date fields and the address say the same."""

import pytest
from playwright.sync_api import Locator

from .conftest import Stub, Visit

# The flock's data: tracks from 19 February 2025 on, latest positions on 18 August.
FIRST, LAST = "2025-02-22", "2025-08-18"


@pytest.fixture
def thumbs(visit: Visit) -> tuple[Locator, Locator]:
    return visit.page.locator("#span-from"), visit.page.locator("#span-to")


def said(thumb: Locator) -> str | None:
    return thumb.get_attribute("aria-valuetext")


def asked(stub: Stub) -> list[str | None]:
    return [query.get("datetime") for query in stub.queries("stopovers")]


def test_the_track_reaches_over_the_data_whatever_a_link_says(
    visit: Visit, stub: Stub, thumbs: tuple[Locator, Locator]
) -> None:
    broken = "&from=2025-13-45&to=9999-12-31&season=2025-winter&study=s1&individual=WN-07"
    page = visit.open(f"#layers=stopovers{broken}").page
    assert stub.queries("stopovers") == [{"limit": "1000"}]
    low, high = thumbs
    page.wait_for_function("(day) => document.querySelector('#span-values').textContent"
                           ".startsWith(day)", arg=FIRST)  # fmt: skip
    assert page.inner_text("#span-values") == f"{FIRST} to {LAST}, UTC"
    assert (said(low), said(high)) == (f"{FIRST} UTC", f"{LAST} UTC")
    assert page.input_value("#filter-from") == ""
    assert set(visit.fragment()) == {"map", "layers"}
    days = page.evaluate(
        "async (links) => { const { readFragment } = await import('/viewer/state.js');"
        " return links.map(readFragment).map(({ from, to }) => [from, to]); }",
        [
            "from=2025-02-28&to=2025-03-01", "from=2025-02-30&to=2025-2-28", "to=2024-02-29",
            "from=1969-12-31&to=2100-01-01", "from=2025-03-02&to=2025-03-01", "from=&to=now",
        ],
    )  # fmt: skip
    assert days == [
        ["2025-02-28", "2025-03-01"], ["", ""], ["", "2024-02-29"],
        ["", ""], ["2025-03-02", ""], ["", ""],
    ]  # fmt: skip


def test_keys_move_a_thumb_and_the_feeds_are_asked_once(
    visit: Visit, stub: Stub, thumbs: tuple[Locator, Locator]
) -> None:
    page = visit.open("#layers=stopovers").page
    low, high = thumbs
    low.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.input_value("#filter-from") == "2025-02-27"  # at once, before the feeds
    assert said(low) == "2025-02-27 UTC"
    page.wait_for_function("() => window.location.hash.includes('from=2025-02-27')")
    visit.settle()
    assert asked(stub) == [None, "2025-02-27T00:00:00Z/.."]
    assert low.evaluate("(node) => node === document.activeElement")
    page.keyboard.press("Home")
    page.wait_for_function("() => !window.location.hash.includes('from=')")
    high.focus()
    page.keyboard.press("PageDown")
    page.wait_for_function("() => window.location.hash.includes('to=2025-')")
    assert page.input_value("#filter-to") == (said(high) or "").removesuffix(" UTC")


def test_thumbs_cannot_be_crossed(visit: Visit, thumbs: tuple[Locator, Locator]) -> None:
    page = visit.open("#layers=stopovers&from=2025-04-01&to=2025-04-30").page
    low, high = thumbs
    low.focus()
    page.keyboard.press("End")
    assert (said(low), said(high)) == ("2025-04-30 UTC", "2025-04-30 UTC")
    high.focus()
    page.keyboard.press("Home")
    assert (said(low), said(high)) == ("2025-04-30 UTC", "2025-04-30 UTC")
    page.wait_for_function("() => window.location.hash.includes('from=2025-04-30')")
    assert visit.fragment()["to"] == "2025-04-30"
    box = page.locator("#span-track").bounding_box()
    assert box is not None
    at = 10 + (low.evaluate("n => (n.value - n.min) / (n.max - n.min)")) * (box["width"] - 20)
    page.mouse.move(box["x"] + at, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert (said(low) or "") <= (said(high) or "")


def test_date_fields_and_links_move_the_thumbs(
    visit: Visit, thumbs: tuple[Locator, Locator]
) -> None:
    page = visit.open("#layers=stopovers&from=2025-03-05&to=2026-01-31").page
    low, high = thumbs
    assert said(low) == "2025-03-05 UTC"
    assert said(high) == "2026-01-31 UTC"  # a link may name days beyond the data
    page.fill("#filter-from", "2025-05-01")
    page.dispatch_event("#filter-from", "change")
    visit.settle()
    assert said(low) == "2025-05-01 UTC"
    page.click("#clear")
    visit.settle()
    assert (said(low), said(high)) == (f"{FIRST} UTC", f"{LAST} UTC")


def test_a_finger_drags_a_thumb(visit: Visit, thumbs: tuple[Locator, Locator]) -> None:
    page = visit.open("#layers=stopovers").page
    low, _ = thumbs
    low.scroll_into_view_if_needed()
    box = page.locator("#span-track").bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    y = box["y"] + box["height"] / 2
    for kind, x in [("touchStart", 10), ("touchMove", 60), ("touchMove", 100), ("touchEnd", None)]:
        points = [] if x is None else [{"x": box["x"] + x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert (said(low) or "") > f"{FIRST} UTC"
    page.wait_for_function("() => window.location.hash.includes('from=2025-')")


def test_without_data_there_is_no_range(visit: Visit, stub: Stub) -> None:
    for features in stub.feeds.values():
        features.clear()
    assert visit.open().page.is_hidden("#span")
