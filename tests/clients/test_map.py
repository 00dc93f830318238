"""The map as a visitor meets it: real feeds of a derived flock, and one private bird."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app import deliver, demo, operate
from app.pipeline import run as flow
from app.store import simulated
from app.store.engine import Store, execute
from tests.clients.conftest import serving
from tests.viewer.conftest import Visit

ALL = "layers=tracks,stopovers,sites,flyways,positions"
END = datetime(2026, 6, 1, tzinfo=UTC)
PRIVATE = "\n".join(
    [
        "timestamp,location-long,location-lat,individual-local-identifier,"
        "tag-local-identifier,individual-taxon-canonical-name",
        *(f"2020-05-{day:02d} 06:00:00,76.5,46.2,Alakol-1,T1,Grus virgo" for day in range(1, 9)),
    ]
)


@dataclass
class Real:
    """The service, and a sign-in ticket of it for each test that wants one."""

    url: str
    dsn: str

    def ticket(self) -> str:
        return apart(_ticket, self.dsn)


def apart(work: Callable, *given: object):
    """Run a coroutine on a thread of its own: the browser's driver keeps this thread's loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work(*given))).result()


async def _ticket(dsn: str) -> str:
    async with operate.opened(dsn) as store:
        return await operate.sign_in_ticket(store)


async def _end_sessions(dsn: str) -> None:
    async with operate.opened(dsn) as store, store.write() as conn:
        await execute(conn, "delete from sign_in where kind = 'session'")


async def _fill(dsn: str, folder: Path) -> None:
    """Bring in two species for a year, whole migrations both ways, and a bird nobody may see."""
    store = Store(dsn, pool_size=3, statement_timeout_s=60)
    try:
        async with store.write() as conn:
            study = await simulated.create(conn, "Simulated flock")
        (folder / "flock.csv").write_bytes(demo.flock(END, birds=2, days=400.0))
        (folder / "private.csv").write_text(PRIVATE)
        await deliver.push(store, folder / "flock.csv", study)
        await deliver.push(store, folder / "private.csv", await operate.own_study(store))
        await flow.drain(store, areas=False)
    finally:
        await store.close()


@pytest.fixture(scope="module")
def real(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Real]:
    dsn = new_database()
    apart(_fill, dsn, tmp_path_factory.mktemp("files"))
    with serving(dsn) as url:
        yield Real(f"{url}/", dsn)


@pytest.fixture
def base_url(real: Real) -> str:
    return real.url


@pytest.fixture
def headers() -> dict[str, str]:
    """The service needs to know of no visit."""
    return {}


@pytest.fixture(autouse=True)
def _signed_out(visit: Visit) -> Iterator[None]:
    yield
    visit.page.context.clear_cookies()


def test_a_stranger_sees_the_flock_and_nothing_foreign_is_asked(visit: Visit, real: Real) -> None:
    visit.open(f"#{ALL}")
    birds = visit.rendered("positions", "individual")
    assert len(birds) == 2
    assert all(bird.startswith("SIM-") for bird in birds)
    assert visit.rendered("tracks-observed", "individual") == birds
    assert visit.rendered("stopovers", "individual") == birds
    assert len(visit.rendered("sites", "name")) >= 2
    assert visit.rendered("corridor-50", "level") == [50]
    assert visit.rendered("corridor-95", "level") == [95]
    assert visit.rendered("mean-route", "part") == ["route"]
    assert visit.page.inner_text("#simulated") == "Simulated demonstration data"
    assert visit.page.inner_text("#session") == "Public view"
    assert visit.complaints == []
    assert visit.hosts == {urlsplit(real.url).netloc}


def test_a_ticket_shows_the_private_bird_until_the_session_ends(visit: Visit, real: Real) -> None:
    page = visit.open(f"?signin={real.ticket()}").page
    assert "signin" not in page.url
    assert "Signed in: operator" in page.inner_text("#session")
    assert "Alakol-1" in visit.rendered("positions", "individual")
    assert page.inner_text("#simulated").startswith("Partly simulated")
    apart(_end_sessions, real.dsn)
    page.select_option("#filter-season", "2020-spring")
    page.wait_for_selector("#ended:visible")
    visit.settle()
    assert page.inner_text("#session") == "Public view"
    page.click("#clear")
    visit.settle()
    assert len(visit.rendered("positions", "individual")) == 2
    assert "Alakol-1" not in page.content()  # in no list and no filter
    # Signed in again in another window: the page follows when it is looked at.
    page.evaluate(
        "async (ticket) => { await fetch('api/v1/session', { method: 'POST',"
        " headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ticket }) });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        real.ticket(),
    )
    page.wait_for_selector("#ended", state="hidden")
    page.get_by_role("link", name="Morning report").wait_for()
    visit.settle()
    assert "Alakol-1" in visit.rendered("positions", "individual")
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    page.evaluate("async () => { await window.flyways.ready; }")
    visit.settle()
    assert "Alakol-1" not in visit.rendered("positions", "individual")
    assert page.inner_text("#session") == "Public view"
    assert visit.complaints == []


def test_a_species_is_chosen_by_its_name_in_the_readers_language(visit: Visit) -> None:
    page = visit.open("#layers=stopovers,positions").page
    labels = page.locator("#legend button").all_inner_texts()
    assert len(labels) == 2
    assert all(re.fullmatch(r"[A-Z][\w-]+ [A-Z]\w+", label) for label in labels)
    page.locator("#legend button").first.click()
    visit.settle()
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert len(visit.rendered("positions", "individual")) == 1
    assert visit.fragment()["species"] in visit.rendered("stopovers", "species")
    page.click("#clear")
    visit.settle()
    assert len(visit.rendered("positions", "individual")) == 2


def test_a_stay_tells_where_and_how_long(visit: Visit) -> None:
    page = visit.open("#layers=stopovers").page
    page.click("#list-stopovers summary")
    page.locator("#list-stopovers button").first.click()
    told = page.inner_text("#details")
    assert re.search(r"SIM-\w+-\d+", page.inner_text("#details-title"))
    for label in ("Species", "Kind", "Arrival", "Departure", "Duration", "Place (WGS 84)"):
        assert f"{label}\n" in told
    assert re.search(r"\d+(\.\d)? d", told)
    page.click("#close")
    assert page.is_hidden("#details")
    assert visit.complaints == []


def test_the_documents_of_the_interface_fit_a_telephone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{visit.url}docs")
    page.wait_for_selector("details .method")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
