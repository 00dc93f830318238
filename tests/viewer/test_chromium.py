"""The browser of these tests is started again when its process died, and only then."""

import os
import signal
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error

from .chromium import DIED, Chromium


def end(chromium: Chromium) -> None:
    """End the browser as the kernel does when memory runs out."""
    session = chromium.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    (number,) = (each["id"] for each in processes if each["type"] == "browser")
    os.kill(number, signal.SIGKILL)


def test_a_browser_that_died_is_started_again_and_its_test_run_again(
    chromium: Chromium, context: BrowserContext, request: pytest.FixtureRequest
) -> None:
    if DIED not in request.node.stash:  # the first run
        end(chromium)
        context.new_page().goto("data:text/html,<p>never shown")
        pytest.fail("a dead browser opened a page")
    page = context.new_page()
    page.goto("data:text/html,<p>again")
    assert page.inner_text("p") == "again"
    page.close()


def test_a_page_that_crashes_leaves_the_browser_running(
    chromium: Chromium, context: BrowserContext
) -> None:
    page = context.new_page()
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://crash")
    assert not chromium.is_dead  # so its test fails and is not run again
    page.close()
