"""The page in a real browser: what it draws, asks for and says."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Route

from .conftest import TICKET, Stub, Visit
from .flock import ref

ALL = "#layers=tracks,stopovers,sites,flyways,positions"
BIRDS = ["E37", "HC-31", "SC-02", "SH-11", "WN-07"]  # the last but one on both sides of 180°
OUTAGE = {
    "status": 503, "title": "Service unavailable", "code": "database-away",
    "detail": "The database does not answer.", "remedy": "Run `flyways doctor`.",
}  # fmt: skip


def test_every_layer_is_drawn_without_complaint_or_other_host(visit: Visit, stub: Stub) -> None:
    stub.whole_land = True
    visit.open(ALL)
    assert visit.rendered("stopovers", "individual") == BIRDS
    assert visit.rendered("tracks-observed", "individual") == BIRDS
    assert visit.rendered("tracks-unobserved", "individual") == ["SC-02"]
    assert set(visit.rendered("sites", "name")) >= {"Izumi", "Panjin", "Suncheon Bay"}
    assert len(visit.rendered("connections", "species")) == 5
    assert visit.rendered("corridor-50", "level") == [50]
    assert visit.rendered("corridor-95", "level") == [95]
    assert visit.rendered("mean-route", "part") == ["route"]
    assert visit.rendered("flyway-unobserved", "part") == ["unobserved"]
    assert visit.page.evaluate("flyways.map.queryRenderedFeatures({layers: ['land']}).length") > 0
    assert visit.page.get_attribute("#map", "aria-busy") == "false"
    assert visit.complaints == []
    assert visit.hosts == {urlsplit(stub.url).netloc}


def test_species_filter_reaches_feeds_map_and_address(visit: Visit, stub: Stub) -> None:
    visit.open().page.select_option("#filter-species", "Platalea minor")
    visit.settle()
    assert visit.rendered("stopovers", "species") == ["Platalea minor"]
    assert visit.fragment()["species"] == "Platalea minor"
    for feed in ("tracks", "stopovers", "sites", "positions"):
        assert stub.queries(feed)[-1]["species"] == "Platalea minor"
    birds = visit.page.locator("#filter-individual option").all_inner_texts()
    assert birds == ["All", "E37"]
    visit.page.click("#clear")
    visit.settle()
    assert visit.rendered("stopovers", "individual") == BIRDS
    # A link put into the open page shows the place that it names, like one that opens a page.
    page = visit.page
    page.evaluate("() => { location.hash = '#map=8/37.9/126.8&species=Platalea+minor'; }")
    page.wait_for_function("() => flyways.state.species === 'Platalea minor'")
    visit.settle()
    assert visit.fragment() == {"map": "8.00/37.9000/126.8000", "species": "Platalea minor"}


def test_a_link_put_into_a_page_that_still_loads_is_followed(visit: Visit, stub: Stub) -> None:
    page = visit.page
    held: list[Route] = []

    def hold(route: Route) -> None:  # the map waits for its words
        held.append(route)

    page.route("**/viewer/words/*", hold)
    with page.expect_request("**/viewer/words/*"):
        page.goto(visit.url)
    page.evaluate("() => { location.hash = '#map=8/37.9/126.8&species=Platalea+minor'; }")
    assert page.evaluate("() => flyways.map === undefined")
    for route in held:
        route.continue_()
    page.unroute("**/viewer/words/*")
    page.evaluate("async () => { await flyways.ready; }")
    page.wait_for_function("() => flyways.state.species === 'Platalea minor'")
    visit.settle()
    assert visit.fragment() == {"map": "8.00/37.9000/126.8000", "species": "Platalea minor"}
    assert visit.rendered("stopovers", "species") == ["Platalea minor"]
    assert stub.queries("stopovers")[-1]["species"] == "Platalea minor"


def test_a_link_shows_the_same_map(visit: Visit, stub: Stub) -> None:
    visit.open(
        f"#map=5.00/35.0000/128.0000&individual={ref(2)}&season=2025-spring"
        f"&from=2025-03-01&to=2025-04-30&study={ref(101)}&layers=stopovers&area=1"
    )
    asked = stub.queries("stopovers")[-1]
    west, south, east, north = (float(part) for part in asked.pop("bbox").split(","))
    assert west < 128 < east
    assert south < 35 < north
    assert asked == {
        "individual": ref(2), "season": "2025-spring", "study": ref(101), "limit": "1000",
        "datetime": "2025-03-01T00:00:00Z/2025-04-30T23:59:59.999Z",
    }  # fmt: skip
    assert visit.rendered("stopovers", "individual") == ["HC-31"]
    assert stub.queries("tracks") == [{"limit": "1"}]  # for the range of days alone
    assert visit.page.input_value("#filter-season") == "2025-spring"
    studies = visit.page.locator("#filter-study option")  # one a page, of two pages
    assert studies.all_inner_texts() == ["All", "Demo flock", "Lake flock"]
    assert visit.page.locator("#layer-tracks").is_checked() is False


def test_a_link_may_name_a_species_by_its_key(visit: Visit) -> None:
    page = visit.open("#species=white_naped_crane&layers=sites,positions").page
    chosen = page.evaluate("document.querySelector('#filter-species').selectedOptions[0].text")
    assert chosen == "White-naped Crane (Grus vipio)"
    assert page.inner_text("#filter-individual").split() == ["All", "WN-07"]


def test_a_failing_feed_is_told_with_its_remedy_and_can_be_retried(
    visit: Visit, stub: Stub
) -> None:
    stub.problems["stopovers"] = OUTAGE
    visit.open()
    alert = visit.page.locator("#failures")
    assert "Stopovers: could not be loaded" in alert.inner_text()
    assert OUTAGE["detail"] in alert.inner_text()
    assert OUTAGE["remedy"] in alert.inner_text()
    assert visit.rendered("stopovers", "individual") == []
    assert visit.rendered("tracks-observed", "individual") == BIRDS
    stub.problems.clear()
    alert.get_by_role("button", name="Try again").click()
    visit.settle()
    assert alert.inner_text() == ""
    assert visit.rendered("stopovers", "individual") == BIRDS


def test_what_fails_for_one_reason_is_told_once(visit: Visit, stub: Stub) -> None:
    # Not the tracks: the list of birds asks tracks and positions, and tells of the first to fail.
    stub.problems |= dict.fromkeys(("stopovers", "sites"), OUTAGE)
    stub.problems["positions"] = {"status": 500}
    visit.open()
    notices = visit.page.locator("#failures .notice")
    notices.filter(has_text="List of birds").wait_for()  # asked apart, once the map stands
    assert notices.count() == 2
    told = " ".join(notices.all_inner_texts())
    for name in ("Stopovers", "Sites", "Latest positions"):
        assert told.count(name) == 1
    assert "HTTP status 500" in told
    stub.problems.clear()
    notices.filter(has_text="Stopovers").get_by_role("button", name="Try again").click()
    visit.settle()
    assert visit.page.evaluate("flyways.loader.data.stopovers.length") == 15
    assert "Latest positions" not in visit.page.inner_text("#failures")
    notices.get_by_role("button", name="Try again").click()  # the list of birds, asked apart
    visit.page.wait_for_function("() => document.querySelector('#failures').innerText === ''")


def test_nothing_found_offers_to_clear_the_filters(visit: Visit) -> None:
    visit.open(f"#individual={ref(9)}")
    empty = visit.page.locator("#empty")
    assert "No data match these filters." in empty.inner_text()
    empty.get_by_role("button").click()
    visit.settle()
    assert empty.is_hidden()
    assert len(visit.rendered("stopovers", "individual")) > 1


def test_an_empty_service_says_so(visit: Visit, stub: Stub) -> None:
    for features in stub.feeds.values():
        features.clear()
    visit.open()
    assert "There are no data to show yet." in visit.page.inner_text("#empty")
    assert visit.page.is_hidden("#simulated")


def test_a_stay_opens_from_the_keyboard_and_gives_the_focus_back(visit: Visit) -> None:
    visit.open("#map=5.20/38.2300/127.2100&layers=stopovers").page.keyboard.press("Tab")
    page = visit.page
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    details = page.inner_text("#details")
    assert "WN-07 Cheorwon" in details
    assert "2025-02-24 00:00 \u2013 06:00 UTC" in details
    assert "15.8 d \u2013 19.2 d" in details
    assert page.evaluate("document.activeElement.id") == "details-title"
    page.keyboard.press("Escape")
    assert page.is_hidden("#details")
    assert page.evaluate("document.activeElement === flyways.map.getCanvas()")


def test_a_click_opens_what_lies_on_top_and_lists_the_rest(visit: Visit) -> None:
    page = visit.open("#map=5.20/32.1000/130.2700").page
    box = page.locator("#map canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.inner_text("#details-title") == "Izumi"
    others = page.locator("#details-body .rows button").all_inner_texts()
    assert len([text for text in others if "Stopovers" in text]) == 2
    page.locator("#details-body .rows button").first.click()
    assert "Izumi" in page.inner_text("#details-title")
    page.get_by_role("button", name="Only this bird").click()
    visit.settle()
    assert len(visit.rendered("stopovers", "individual")) == 1


def test_lists_reach_across_the_antimeridian_and_keep_the_focus(visit: Visit) -> None:
    page = visit.open("#map=4.00/64.5000/-176.0000&layers=stopovers,tracks").page
    assert visit.rendered("tracks-observed", "individual") == ["SH-11"]
    page.click("#list-stopovers summary")
    rows = page.locator("#list-stopovers button")
    assert len(rows.all_inner_texts()) == 2
    rows.first.click()
    page.get_by_role("button", name="Show on the map").click()
    assert "SH-11" in page.inner_text("#details")
    page.keyboard.press("Escape")
    row = rows.first.get_attribute("id")
    focused = "document.activeElement.id || document.activeElement.localName"

    def after(move: Callable[[], None]) -> object:
        page.evaluate("() => { document.querySelector('#list-stopovers li').dataset.old = 1; }")
        move()
        page.wait_for_selector("#list-stopovers:not(:has([data-old]))")
        return page.evaluate(focused)

    rows.first.focus()
    assert after(lambda: page.keyboard.press("Enter")) == "details-title"  # the map moves there
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == row
    move = "(by) => { flyways.map.panBy([by, 0], { duration: 0 }); }"
    assert after(lambda: page.evaluate(move, 20)) == row
    # The choice moves the map back, and the lists follow: only then is the next move's turn.
    assert after(lambda: page.keyboard.press("Enter")) == "details-title"
    assert after(lambda: page.evaluate(move, 350)) == "details-title"
    assert row not in rows.evaluate_all("(rows) => rows.map((row) => row.id)")
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "summary"


def test_simulated_data_are_marked_only_while_shown(visit: Visit) -> None:
    page = visit.open().page
    assert page.is_visible("#simulated")
    page.select_option("#filter-species", "Platalea minor")
    visit.settle()
    assert page.is_hidden("#simulated")


def test_a_feed_of_many_pages_is_read_to_its_end(visit: Visit, stub: Stub) -> None:
    stay = stub.feeds["stopovers"][0]
    stub.feeds["stopovers"] = [stay] * 2_345
    visit.open("#layers=stopovers")
    assert visit.page.evaluate("flyways.loader.data.stopovers.length") == 2_345
    assert [query.get("cursor") for query in stub.queries("stopovers")] == [None, "1000", "2000"]
    assert visit.page.is_hidden("#incomplete")


def test_feeds_are_asked_once_and_before_the_maps_own_scripts(visit: Visit, stub: Stub) -> None:
    paths: list[str] = []  # as the page asks: they may reach the stub the other way round
    visit.page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    visit.open("#species=Platalea+minor&layers=tracks,stopovers")
    for feed in ("tracks", "stopovers"):
        first = {"species": "Platalea minor", "limit": "1000"}
        assert [query for query in stub.queries(feed) if query != {"limit": "1"}] == [first]
        assert paths.index(f"/feeds/{feed}.geojson") < paths.index("/viewer/words/en.json")
    assert visit.rendered("tracks-observed", "individual") == ["E37"]


def test_an_early_answer_to_an_overtaken_question_is_not_shown(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/feeds/tracks.geojson?limit=1000", hold)
    page.goto(visit.url)
    page.wait_for_function("() => window.flyways?.map")
    page.evaluate("() => { flyways.change({ species: 'Platalea minor' }); }")
    birds = "[...new Set(flyways.loader.data.tracks.map((one) => one.properties.individual))]"
    page.wait_for_function(f"() => {birds}.length > 0")
    held[0].continue_()
    page.evaluate("async () => { await flyways.ready; }")
    assert page.evaluate(f"() => {birds}") == ["E37"]
    assert visit.settle().rendered("tracks-observed", "individual") == ["E37"]


def test_a_ticket_signs_in_once_and_a_session_that_ends_is_told(visit: Visit, stub: Stub) -> None:
    page = visit.open(f"?signin={TICKET}").page
    paths = [path for path, _ in stub.asked]
    assert paths.index("/api/v1/session") < paths.index("/feeds/tracks.geojson")
    assert "signin" not in page.url
    assert "Signed in: Crane Institute" in page.inner_text("#session")
    link = page.get_by_role("link", name="Morning report")
    assert link.evaluate("link => new URL(link.href).pathname") == "/morning"
    before = len(stub.queries("tracks"))
    stub.signed_in = False  # the session has ended
    page.uncheck("#layer-sites")
    page.check("#layer-sites")  # answered before: nothing but the session is asked
    page.wait_for_selector("#ended:visible")
    assert "To sign in again" in page.inner_text("#ended")
    visit.settle()
    assert page.inner_text("#session") == "Public view"
    assert len(stub.queries("tracks")) == 2 * before
    stub.signed_in = True  # in another window
    page.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')); }")
    page.wait_for_selector("#ended", state="hidden")
    visit.settle()
    assert len(stub.queries("tracks")) == 3 * before
    assert page.is_visible("#morning")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    visit.page.wait_for_function(
        "() => document.querySelector('#session').innerText === 'Public view'"
    )
    assert stub.signed_in is False


def test_a_refused_ticket_is_told_and_leaves_the_address(visit: Visit) -> None:
    page = visit.open("?signin=old#layers=sites").page
    assert "signin" not in page.url
    assert "The ticket has expired." in page.inner_text("#failures")
    assert page.inner_text("#session") == "Public view"


def test_the_map_follows_the_readers_colour_scheme(visit: Visit) -> None:
    page = visit.open("#layers=stopovers").page
    look = "[flyways.map.getPaintProperty('land', 'fill-color'), " \
        "flyways.map.getPaintProperty('stopovers', 'circle-color')[3], " \
        "getComputedStyle(document.body).backgroundColor]"  # fmt: skip
    light: list[Any] = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "(light) => flyways.map.getPaintProperty('land', 'fill-color') !== light", arg=light[0]
    )
    dark: list[Any] = page.evaluate(look)
    assert all(a != b for a, b in zip(light, dark, strict=True))


def test_every_control_has_a_name_and_every_heading_its_level(visit: Visit) -> None:
    page = visit.open(ALL).page
    nameless = page.evaluate(
        "[...document.querySelectorAll('input, select, button, a, canvas')].filter((node) => !("
        "node.labels?.length || node.getAttribute('aria-label') || node.title "
        "|| node.textContent.trim())).map((node) => node.outerHTML)"
    )
    assert nameless == []
    broken = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby], [aria-controls], label[for]')]"
        ".flatMap((node) => ['aria-labelledby', 'aria-controls', 'for']"
        ".map((name) => node.getAttribute(name)))"
        ".filter((id) => id && !document.getElementById(id))"
    )
    assert broken == []
    assert page.locator("h1").count() == 1


def test_the_language_changes_in_place_and_stays_in_the_address(visit: Visit) -> None:
    page = visit.open("#layers=stopovers").page
    page.select_option("#filter-lang", "ko")
    page.wait_for_function("() => document.documentElement.lang === 'ko'")
    assert visit.fragment()["lang"] == "ko"
    assert page.inner_text("label[for=filter-species]") == "종"
