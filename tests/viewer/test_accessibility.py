"""No rule of axe-core is broken: light and dark, wide and narrow, whatever stands on the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import TICKET, Stub, Visit
from .flock import ref
from .test_map import ALL, OUTAGE

AXE = Path(__file__).resolve().parents[2] / ".cache/axe-core/axe.min.js"
NARROW = {"width": 400, "height": 720}
WIDE = {"width": 1280, "height": 800}


@pytest.fixture
def broken(visit: Visit) -> Callable[[], list[str]]:
    """Give the rules that the page as it stands breaks, each with where."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: python3 -m app.install --tests")
    program = AXE.read_text()

    def find() -> list[str]:
        # Evaluated by the browser's debugger: the page's policy would refuse a script element.
        visit.page.evaluate(program)
        return [fault for theme in ("light", "dark") for fault in faults(visit, theme)]

    return find


def faults(visit: Visit, theme: Any) -> list[str]:
    page = visit.page
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{theme} {rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def test_the_wide_page_with_details_and_an_error(
    visit: Visit, stub: Stub, broken: Callable[[], list[str]]
) -> None:
    stub.problems["sites"] = OUTAGE
    visit.page.set_viewport_size(WIDE)
    page = visit.open(f"{ALL}&colour=season").page
    page.click("#list-stopovers summary")
    page.locator("#list-stopovers button").first.click()
    assert page.is_visible("#details")
    assert page.is_visible("#failures button")
    assert page.is_visible("#span-from")
    assert broken() == []


def test_the_narrow_page_with_panel_closed_and_open(
    visit: Visit, broken: Callable[[], list[str]]
) -> None:
    visit.page.set_viewport_size(NARROW)
    page = visit.open(ALL).page
    assert page.is_hidden("#side")
    assert broken() == []
    page.click("#toggle")
    assert page.is_visible("#legend button")
    assert broken() == []
    page.click("#list-stopovers summary")
    page.locator("#list-stopovers button").first.click()
    assert page.is_hidden("#side")  # it would lie over the details
    assert page.get_attribute("#toggle", "aria-expanded") == "false"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "toggle"


def test_all_letters_grow_with_the_text_size_of_the_browser(visit: Visit) -> None:
    visit.page.set_viewport_size(WIDE)
    page = visit.open(ALL).page
    page.click("#list-stopovers summary")
    page.locator("#list-stopovers button").first.click()
    parts = ["h1", "h2", "#side label", ".key", ".row .quiet", "#details-title", "#details dd"]
    read = (
        "(parts) => parts.map((part) =>"
        " parseFloat(getComputedStyle(document.querySelector(part)).fontSize))"
    )
    before = page.evaluate(read, parts)
    width = page.evaluate("document.querySelector('#side').clientWidth")
    page.evaluate("() => { document.documentElement.style.fontSize = '175%'; }")  # of 87.5 %: twice
    assert page.evaluate(read, parts) == pytest.approx([2 * size for size in before], rel=0.01)
    assert page.evaluate("document.querySelector('#side').clientWidth") > 1.9 * width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_with_forced_colours_the_slider_and_the_zoom_buttons_are_seen(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark", forced_colors="active")
    page = visit.open(ALL).page
    style = "([part, pseudo, name]) => getComputedStyle(document.querySelector(part), pseudo)[name]"
    canvas, track = (
        page.evaluate(style, [part, pseudo, "backgroundColor"])
        for part, pseudo in (("body", None), ("#span-track", "::after"))
    )
    assert track != canvas
    icon = ".maplibregl-ctrl-zoom-in .maplibregl-ctrl-icon"
    assert page.evaluate(style, [icon, None, "filter"]) == "none"
    assert page.evaluate(style, ["#simulated", None, "borderTopStyle"]) == "solid"


def test_signing_in_being_refused_and_signed_out(
    visit: Visit, stub: Stub, broken: Callable[[], list[str]]
) -> None:
    page = visit.open(f"?signin={TICKET}#layers=sites").page
    assert "Signed in" in page.inner_text("#session")
    assert broken() == []
    page = visit.open(f"?signin=old#layers=sites&individual={ref(9)}").page
    assert "The ticket has expired." in page.inner_text("#failures")
    stub.signed_in = False
    page.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')); }")
    page.wait_for_selector("#ended:visible")
    page.wait_for_selector("#empty button")
    assert broken() == []


def test_the_check_itself_finds_what_is_wrong(
    visit: Visit, broken: Callable[[], list[str]]
) -> None:
    visit.open("#layers=sites").page.evaluate(
        "document.querySelector('#toggle').parentNode.append(document.createElement('select'))"
    )
    assert [one.split(":")[0] for one in broken()] == ["light select-name", "dark select-name"]
