"""
A browser for tests of pages. Its own process may die: under load, and of no fault of a page.

A page that crashes takes its renderer with it and leaves the browser running: such a test fails.
Where the browser's own process is gone, the test is run once more in a new one.
"""

import shutil
import tempfile
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

PROGRAM = "chromium-headless-shell"
"""Chromium without windows: to open one costs the other half as much again as the page in it."""
SWITCHES = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    # Software draws a map slowly on a busy machine. The watchdog takes that for a hang and ends
    # the process that draws; the browser gives itself up when that has happened a few times.
    "--disable-gpu-watchdog", "--disable-gpu-process-crash-limit",
]  # fmt: skip
DIED = pytest.StashKey[bool]()


class Chromium:
    """
    The browser of a module of tests and its one context.

    It has a profile on disk: only there does it keep scripts as it has compiled them, and pages
    open with two thirds of the work.
    """

    def __init__(self, playwright: Playwright, program: str) -> None:
        self._playwright, self._program = playwright, program
        self._context: BrowserContext | None = None
        self._profile = ""

    @property
    def browser(self) -> Browser:
        """Give a browser that runs."""
        browser = self.context.browser
        assert browser is not None
        return browser

    @property
    def context(self) -> BrowserContext:
        if self._context is None or self.is_dead:
            self._remove_profile()
            self._profile = tempfile.mkdtemp(prefix="flyways-chromium-")
            self._context = self._playwright.chromium.launch_persistent_context(
                self._profile,
                executable_path=self._program,
                args=SWITCHES,
                viewport={"width": 860, "height": 520},
                locale="en-GB",
            )
            # software drawing on a machine shared with others
            self._context.set_default_timeout(60_000)
        return self._context

    @property
    def is_dead(self) -> bool:
        browser = self._context and self._context.browser
        return browser is not None and not browser.is_connected()

    def close(self) -> None:
        if self._context is not None and not self.is_dead:
            self._context.close()
        self._remove_profile()

    def _remove_profile(self) -> None:
        if self._profile:
            shutil.rmtree(self._profile, ignore_errors=True)  # its last writers may just be ending


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """One browser a module: its driver runs an event loop, which async tests can't share."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"no {PROGRAM} on PATH: apt-get install {PROGRAM}")
    with sync_playwright() as playwright:
        made = Chromium(playwright, program)
        yield made
        made.close()


@pytest.fixture
def browser(chromium: Chromium, request: pytest.FixtureRequest) -> Iterator[Browser]:
    yield chromium.browser
    request.node.stash[DIED] = chromium.is_dead


@pytest.fixture
def context(chromium: Chromium, browser: Browser) -> BrowserContext:
    return chromium.context


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test again, once, if its browser died under it."""
    if "browser" not in getattr(item, "fixturenames", ()):
        return None
    where = {"nodeid": item.nodeid, "location": item.location}
    item.ihook.pytest_runtest_logstart(**where)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if item.stash.get(DIED, False) and any(report.failed for report in reports):
        item._initrequest()  # fixtures of the first run are gone
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(**where)
    return True
