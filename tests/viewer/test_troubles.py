"""What the page says and still does where something it is drawn with is missing."""

from playwright.sync_api import Browser

from .conftest import Stub, Visit

NO_WEBGL = (
    "const whole = HTMLCanvasElement.prototype.getContext;"
    "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
    " return kind === 'webgl2' ? null : whole.call(this, kind, ...rest); };"
)


def test_without_words_and_without_a_map_the_page_says_so_and_serves(
    visit: Visit, stub: Stub
) -> None:
    page = visit.page
    page.add_init_script(NO_WEBGL)
    page.route("**/viewer/words/*", lambda route: route.abort())
    page.goto(f"{visit.url}#layers=stopovers,tracks&lang=ko")
    page.wait_for_selector("#wordless:visible")
    assert page.inner_text("label[for=filter-species]") == "Species"
    assert page.inner_text("#wordless strong") == "Words of this page: could not be loaded"

    page.unroute("**/viewer/words/*")
    page.route("**/viewer/words/ko.json", lambda route: route.abort())
    page.click("#wordless button")
    page.evaluate("async () => { await window.flyways.ready; }")
    assert page.is_hidden("#wordless")
    words, no_map = page.locator("#failures .notice").all()
    assert "Words of this language: could not be loaded" in words.inner_text()
    assert "Map: could not be loaded" in no_map.inner_text()
    assert "This browser offers no WebGL 2" in no_map.inner_text()
    assert "switch on graphics acceleration" in no_map.inner_text()
    page.unroute("**/viewer/words/ko.json")
    visit.complaints.clear()  # of the requests that were cut
    words.get_by_role("button", name="Try again").click()
    page.wait_for_function("() => document.documentElement.lang === 'ko'")
    assert page.inner_text("#failures strong") == "지도: 불러오지 못했습니다"

    assert page.inner_text("#session") != ""
    assert page.locator("#legend button").count() == 5
    page.click("#list-stopovers summary")
    page.locator("#list-stopovers button").first.click()
    assert page.is_visible("#details")
    assert page.locator("#details .actions button").count() == 1  # none that shows it on the map
    page.keyboard.press("Escape")
    page.select_option("#filter-species", "Platalea minor")
    page.wait_for_function("() => flyways.loader.settled")
    assert page.locator("#list-stopovers button").count() == 3
    assert visit.complaints == []


def test_without_scripts_the_page_shows_the_way_to_the_data(browser: Browser, stub: Stub) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stub.url)
    page.get_by_role("link", name="latest positions").click(trial=True)  # nothing lies over it
    context.close()
