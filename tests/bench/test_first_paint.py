"""From the address to the first frame that shows the tracks of 27 cranes, in a cold browser.

Run by `make bench`; it prints figures and asserts none. The birds are the real demoiselle cranes of
two years; Chromium draws in software, as on a machine without a graphics card. Goal: 3 s.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser

from app import deliver, operate
from app.pipeline import run as flow
from app.store.engine import Store
from app.store.inbox import Reading
from tests.clients.conftest import serving
from tests.clients.test_map import apart
from tests.viewer.chromium import browser, chromium

__all__ = ["browser", "chromium"]

ROUNDS = 5
BIRDS = 27
CRANES = "telemetry/demoiselle_crane_neasia/cranes_guo_2018_2019.csv.gz"
# Runs before the page's own scripts: notes when the map is there and when a frame holds all birds.
WATCH = """
const look = () => {
  const map = window.flyways?.map;
  if (!map) return void requestAnimationFrame(look);
  window.mapped = performance.now();
  map.on('render', () => {
    if (window.painted || !map.getLayer('tracks-observed')) return;
    const shown = map.queryRenderedFeatures({ layers: ['tracks-observed'] });
    if (new Set(shown.map((one) => one.properties.individual)).size < BIRDS) return;
    window.painted = performance.now();
  });
};
requestAnimationFrame(look);
""".replace("BIRDS", str(BIRDS))


async def _fill(dsn: str, cranes: Path) -> None:
    store = Store(dsn, pool_size=3, statement_timeout_s=60)
    try:
        how = Reading(None, "Asia/Shanghai")
        await deliver.push(store, cranes, await operate.own_study(store), how)
        await flow.drain(store)
    finally:
        await store.close()


async def _ticket(dsn: str) -> str:
    async with operate.opened(dsn) as store:
        return await operate.sign_in_ticket(store)


def first_paint(browser: Browser, url: str, cookies: list[dict[str, str]]) -> dict[str, float]:
    """Open the page with nothing cached; give the moments since the navigation [ms]."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        context.add_cookies(cookies)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("() => window.painted", timeout=120_000)
        return page.evaluate(
            "() => ({ map: mapped, painted, tracks: performance.getEntriesByType('resource')"
            ".filter((one) => one.name.includes('tracks.geojson'))"
            ".reduce((latest, one) => Math.max(latest, one.responseEnd), 0) })"
        )
    finally:
        context.close()


@pytest.mark.timeout(1800)
def test_first_paint_of_the_tracks(
    new_database: Callable[[], str], shared_data: Path, browser: Browser, capsys
) -> None:
    dsn = new_database()
    apart(_fill, dsn, shared_data / CRANES)
    with serving(dsn) as url, httpx2.Client() as client:
        client.post(f"{url}/api/v1/session", json={"ticket": apart(_ticket, dsn)})
        cookies = [
            {"name": each.name, "value": each.value or "", "url": url}
            for each in client.cookies.jar
        ]
        found = [first_paint(browser, f"{url}/", cookies) for _ in range(ROUNDS)]
    middle = {name: statistics.median(each[name] for each in found) for name in found[0]}
    paints = ", ".join(f"{each['painted'] / 1e3:.2f}" for each in found)
    with capsys.disabled():
        print(
            f"\nfirst paint of the tracks of {BIRDS} birds, cold, median of {ROUNDS}:"
            f" {middle['painted'] / 1e3:.2f} s (tracks answered after"
            f" {middle['tracks'] / 1e3:.2f} s, map made after {middle['map'] / 1e3:.2f} s;"
            f" all {paints};"
            f" load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
        )
