"""Every control is reached by Tab and shows where the focus is; loading is told while it lasts."""

from playwright.sync_api import Route

from .conftest import Stub, Visit

CONTROLS = (
    "[...document.querySelectorAll('input, select, button, summary, canvas, a')]"
    ".filter((node) => node.checkVisibility() && !node.disabled && node.tabIndex >= 0)"
)
MARKED = (  # a slider has its outline around the thumb, which scripts can't read
    "(() => { const node = document.activeElement; return node.type === 'range'"
    " ? node.matches(':focus-visible') : getComputedStyle(node).outlineStyle !== 'none'; })()"
)


def test_tab_reaches_every_control_with_its_focus_shown(visit: Visit) -> None:
    page = visit.open("#layers=stopovers,sites").page
    wanted = page.evaluate(f"{CONTROLS}.map((node, order) => (node.dataset.order = order))")
    reached: set[int] = set()
    for _ in range(len(wanted) + 16):  # a date field is several stops, the last in its own frame
        page.keyboard.press("Tab")
        order = page.evaluate("document.activeElement.dataset?.order ?? null")
        if order is not None and page.evaluate(MARKED):
            reached.add(int(order))
    missed = [f"[data-order='{order}']" for order in set(wanted) - reached]
    assert [page.locator(one).evaluate("(node) => node.outerHTML") for one in missed] == []


def test_headings_of_lists_stay_while_the_map_moves(visit: Visit) -> None:
    page = visit.open("#layers=stopovers,sites").page
    numbers = page.locator("#lists summary").evaluate_all(
        "(nodes) => nodes.map((node, order) => (node.dataset.order = order))"
    )
    page.focus("#list-stopovers summary")
    before = page.inner_text("#list-stopovers summary")
    page.evaluate("() => { flyways.map.jumpTo({ center: [126, 37], zoom: 9 }); }")
    page.wait_for_function(
        "(before) => document.querySelector('#list-stopovers summary').innerText !== before",
        arg=before,
    )
    assert page.evaluate("document.activeElement.closest('details')?.id") == "list-stopovers"
    kept = "(nodes) => nodes.map((node) => Number(node.dataset.order))"
    assert page.locator("#lists summary").evaluate_all(kept) == numbers


def test_loading_is_told_until_the_last_feed_stands(visit: Visit, stub: Stub) -> None:
    page = visit.open("#layers=sites").page
    held: list[Route] = []
    page.route("**/feeds/stopovers.geojson*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    with page.expect_request("**/feeds/stopovers.geojson*"):
        page.check("#layer-stopovers")
    page.wait_for_selector("#loading:visible")
    assert page.inner_text("#loading") == "Loading Stopovers \u2026"
    assert page.get_attribute("#map", "aria-busy") == "true"
    while not held:
        page.wait_for_timeout(20)  # the page tells of its request before it is held
    held[0].continue_()
    visit.settle()
    assert page.is_hidden("#loading")
    assert page.get_attribute("#map", "aria-busy") == "false"


def test_with_the_network_cut_the_map_stays_and_says_so(visit: Visit) -> None:
    page = visit.open("#layers=stopovers").page
    page.context.set_offline(True)
    try:
        page.check("#layer-tracks")
        page.wait_for_selector("#failures .failure")
        assert "Tracks: could not be loaded" in page.inner_text("#failures")
        assert "The service did not answer." in page.inner_text("#failures")
        assert len(visit.rendered("stopovers", "individual")) == 5
        page.uncheck("#layer-tracks")
        page.get_by_role("button", name="Dismiss").click()
        page.select_option("#filter-species", "Platalea minor")
        page.wait_for_selector("#failures .failure")
        visit.settle()
        assert page.is_hidden("#empty")  # nobody knows whether anything matches
        page.select_option("#filter-species", "")
        page.check("#layer-tracks")
        visit.settle()
    finally:
        page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    visit.settle()
    assert len(visit.rendered("tracks-observed", "individual")) == 5
