"""The printed report: every word in its language, nothing from elsewhere, nothing unescaped."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser

import httpx2
import numpy as np
import pytest
import pytest_asyncio
import shapely

from app.api.flyway_page import FOLDER
from app.api.flyway_report import LAND, _land, spoken
from app.api.species import LANGUAGES
from tests.api.served import as_key, served
from tests.api.test_ledger import World
from tests.store.flock import DAY, SPECIES, START, Flock

KEY = as_key("flw_Amur")
PATH = f"/api/v1/flyways/{SPECIES}/report"
UNTIDY = "<b>&nbsp;鹤"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """The birds of the ledger's tests, one of them with a name that would break a page."""
    world = World(new_database())
    flock = world.flock
    bird = flock.bird(world.own, UNTIDY)
    flock.stopover(world.own, bird, 0)
    flock.season(world.own, bird, start_time=START, end_time=START + 24 * DAY)
    flock.leg(world.own, bird)
    elsewhere = flock.study(1, "Elsewhere")
    flock.latest_fix(elsewhere, flock.bird(elsewhere, "H1", "hooded_crane"), (127.0, 38.0))
    flock.run("update latest_fix set species_key = 'hooded_crane'")
    ends = [
        flock.site("institute:1", name, lon, 38.0) for name, lon in (("A", 127.0), ("B", 120.0))
    ]
    flock.connection("institute:1", (ends[0], ends[1]))
    flock.corridor("institute:1")
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


class Links(HTMLParser):
    """What a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        assert tag not in {"script", "link", "iframe", "object", "b"}
        self.found += [value for name, value in attrs if name in {"src", "href", "srcset"}]


async def page(client, key=KEY, **query) -> httpx2.Response:
    answer = await client.get(PATH, params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_a_page_in_each_language_loads_nothing_from_elsewhere(client, lang) -> None:
    answer = await page(client, lang=lang)
    assert answer.headers["content-language"] == lang
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    links = Links()
    links.feed(answer.text)
    assert len(links.found) == 2  # map and calendar: none of these birds has fixes
    assert all(link.startswith("data:image/svg+xml;base64,") for link in links.found)
    words = json.loads((FOLDER / f"{lang}.json").read_text())
    for name in ("map", "calendar", "ledger.area", "migrations", "notes"):
        assert words[name] in answer.text
    assert ("Translation not verified" in answer.text) == (lang != "en")
    assert "UTC" in answer.text
    assert "&lt;b&gt;&amp;nbsp;鹤" in answer.text  # the name of a bird is text


async def test_studies_are_cited_that_have_birds_of_the_species_alone(client) -> None:
    text = (await page(client)).text
    assert "Amur. Own" in text
    assert "Elsewhere" not in text and "Made up" not in text


async def test_a_period_narrows_the_migrations_and_the_map_says_that_it_does_not(client) -> None:
    words = json.loads((FOLDER / "en.json").read_text())
    periods = {
        "2020-03-20/2020-12-31": True, "2019-01-01/2020-03-01": True,
        "2020-03-26/2020-12-31": False, "2019-01-01/2020-02-29": False,
    }  # fmt: skip
    for days, told in periods.items():
        text = (await page(client, datetime=days)).text
        assert ("<td>2020 spring</td>" in text) == told
        assert (words["migrations.none"] in text) != told
        assert words["map.years"] in text
    assert words["map.years"] not in (await page(client)).text


@pytest.mark.skipif(not LAND.is_file(), reason="the viewer's files: make install")
def test_land_is_whole_up_to_the_arctic_and_over_180_degrees() -> None:
    """Russia steps over the antimeridian between 65 and 69 degrees north."""
    (land,) = _land()
    shapely.prepare(land)
    inside = [(130.0, 67.0), (60.0, 67.0), (179.0, 67.0), (-173.0, 66.0), (116.0, 29.0)]
    assert shapely.contains_xy(land, *np.transpose(inside)).all()
    assert not shapely.contains_xy(land, [-20.0, 150.0], [67.0, 0.0]).any()


async def test_the_first_language_a_browser_speaks_is_taken(client) -> None:
    answer = await client.get(PATH, headers=KEY | {"Accept-Language": "fr, ja-JP;q=0.8, en"})
    assert answer.headers["content-language"] == "ja"
    assert "Accept-Language" in answer.headers["vary"]
    assert spoken("") == spoken("fr;q=0.3,*") == "en"


async def test_strangers_see_no_bird_that_is_not_released(client) -> None:
    answer = await page(client, key=None)
    assert "M0" not in answer.text
    assert "&lt;b&gt;" not in answer.text
    assert "made up, 2024" in answer.text  # the boundary set is named to everyone
    gone = await client.get("/api/v1/flyways/hooded_crane/report")
    assert gone.status_code == 404


def test_the_six_languages_have_the_same_words_and_fill_the_same_gaps() -> None:
    every = {lang: json.loads((FOLDER / f"{lang}.json").read_text()) for lang in LANGUAGES}
    for lang, words in every.items():
        assert words.keys() == every["en"].keys(), lang
        for key, text in words.items():
            gaps = sorted(re.findall(r"\{\w+\}", text))
            assert gaps == sorted(re.findall(r"\{\w+\}", every["en"][key])), (lang, key)
            assert text or (lang, key) == ("en", "unverified")
