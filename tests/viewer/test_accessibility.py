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
