"""What the page says and still does where something it is drawn with is missing."""

from playwright.sync_api import Browser

from .conftest import Stub


def test_without_scripts_the_page_shows_the_way_to_the_data(browser: Browser, stub: Stub) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stub.url)
    page.get_by_role("link", name="latest positions").click(trial=True)  # nothing lies over it
    context.close()
