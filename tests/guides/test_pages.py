"""The pages of the guides: accessible, whole, and in need of nothing from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import BrowserContext
from starlette.testclient import TestClient

from app.api.guides import GUIDES, ORDER, anchor_of, rendered
from app.config import Settings
from app.main import create_app
from tests.clients.conftest import serving

PAGES = ["/guides", *(f"/guides/{name}" for name in ORDER)]
VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")}


class Outline(HTMLParser):
    """What a program that reads a page aloud goes by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unnamed: list[str] = []
        self._name: str | None = None
        self.title = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag in {"a", "th"} or re.fullmatch("h[1-6]", tag):
            self._name = ""

    def handle_data(self, data: str) -> None:
        if self._name is not None:
            self._name += data
        if self.open and self.open[-1] == "title":
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag, f"</{tag}> closes another element"
        if tag in {"a", "th"} or re.fullmatch("h[1-6]", tag):
            if not (self._name or "").strip():
                self.unnamed.append(tag)
            self._name = None

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.elements if "id" in attrs]


@pytest.fixture(scope="module")
def client() -> TestClient:
    """The application without a database: pages for people need none."""
    settings = Settings(_env_file=None, database_url="postgresql:///none", rate_limit="off")
    return TestClient(create_app(settings, demand_durable=False))


def outline(client: TestClient, address: str) -> Outline:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return Outline(answer.text)


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_accessible(client: TestClient, address: str) -> None:
    page = outline(client, address)
    assert page.open == [], "every element is closed"
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.title) > len(" - Flyways")
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps), "no level is skipped"
    assert page.unnamed == []
    assert len(page.all("main")) == len(page.all("header")) == 1
    names = [nav.get("aria-label") or nav.get("aria-labelledby") for nav in page.all("nav")]
    assert all(names) and len(set(names)) == len(names)
    skip = page.all("a")[0]
    assert skip["href"] == f"#{page.all('main')[0]['id']}"
    assert [name for name, n in Counter(page.ids).items() if n > 1] == []
    assert all("alt" in image for image in page.all("img"))
    scrolling = page.all("pre") + [d for d in page.all("div") if d.get("class") == "wide"]
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in scrolling)
    assert all(each in page.ids for _, a in page.elements if (each := a.get("aria-labelledby")))


@pytest.mark.parametrize("address", PAGES)
def test_a_page_asks_nothing_of_another_host(client: TestClient, address: str) -> None:
    answer = client.get(address)
    page = Outline(answer.text)
    loaded = [a.get(key) for tag, a in page.elements for name, key in LOADED if tag == name]
    assert loaded
    assert not [each for each in loaded if urlsplit(each or "").netloc]
    assert not page.all("script") and not page.all("style")
    assert not [tag for tag, a in page.elements if "style" in a or any(k[:2] == "on" for k in a)]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("address", [*PAGES, "/docs", "/"])
def test_no_link_is_dead(client: TestClient, address: str) -> None:
    page = outline(client, address)
    base = str(client.base_url)
    for _, attrs in page.elements:
        href = attrs.get("href") or attrs.get("src")
        if href is None:
            continue
        target = urlsplit(urljoin(f"{base}{address}", href))
        if target.netloc != urlsplit(base).netloc:
            assert target.scheme == "https", href
            continue
        answer = client.get(target.path)
        found = 503 if target.path.startswith("/feeds/") else 200  # there is no database here
        assert answer.status_code == found, f"{address} leads to {href}"
        if target.fragment:
            assert target.fragment in Outline(answer.text).ids, f"{address} leads to {href}"


def test_a_relative_link_holds_below_a_prefix(client: TestClient) -> None:
    """A proxy may serve everything below a path: no address begins at the root."""
    for address in PAGES:
        hrefs = [a["href"] for _, a in outline(client, address).elements if "href" in a]
        assert not [href for href in hrefs if str(href).startswith("/")]


def test_every_guide_has_its_page_and_its_row(client: TestClient) -> None:
    assert {path.stem for path in GUIDES.glob("*.md")} == set(ORDER)
    links = [a["href"] for a in outline(client, "/guides").all("a")]
    assert [link for link in links if str(link).startswith("guides/")] == [
        f"guides/{name}" for name in ORDER
    ]


def test_the_map_and_the_description_of_the_interface_lead_to_the_guides(
    client: TestClient,
) -> None:
    assert "guides" in [a["href"] for a in outline(client, "/").all("a")]
    assert "/guides" in [a["href"] for a in outline(client, "/docs").all("a")]


@pytest.mark.parametrize("name", ["nothing", "operator.md", "%2e%2e%2fmain.py", "guides.md"])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/guides/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not-found"


def test_figures_of_guides_are_served(client: TestClient) -> None:
    named = [
        n
        for path in GUIDES.glob("*.md")
        for n in re.findall(r"\]\(([\w-]+\.svg)\)", path.read_text())
    ]
    assert {path.name for path in GUIDES.glob("*.svg")} == set(named)
    for name in named:
        answer = client.get(f"/guides/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/svg+xml"
    assert client.get("/guides/nothing.svg").status_code == 404


def test_markup_in_a_guide_is_text() -> None:
    page = rendered("# A\n\nFor *b* & `<c>`.\n\n## D\n\n<script>x</script>\n\n```sh\n<e>\n```\n")
    assert page.title == "A"
    assert page.summary == "For b & <c>."
    assert "<script>" not in page.page
    assert "&lt;script&gt;" in page.page and "&lt;e&gt;" in page.page


def test_an_example_that_no_test_runs_says_so() -> None:
    page = rendered("# A\n\nB.\n\n```sh untested: no engine <here>\nx\n```\n")
    assert "Not run by the tests: no engine &lt;here&gt;." in page.page


def test_links_between_guides_hold_as_files_and_as_pages() -> None:
    for path in GUIDES.glob("*.md"):
        for name, anchor in re.findall(r"\]\(([\w-]+)\.md(?:#([\w-]+))?\)", path.read_text()):
            target = (GUIDES / f"{name}.md").read_text()
            headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
            assert not anchor or anchor in map(anchor_of, headings), f"{path.name}: {name}"


def test_a_browser_shows_a_guide_in_a_narrow_window(context: BrowserContext) -> None:
    """In a real browser: the style applies, nothing is asked elsewhere, nothing overflows."""
    with serving("postgresql:///none") as address:
        page = context.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
        page.on("console", lambda message: complaints.append(message.text))
        page.set_viewport_size({"width": 360, "height": 700})
        page.goto(f"{address}/guides/map-developer")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent")
        page.close()
    assert wide <= 0
    assert focused == "Skip to the text"
    assert set(asked) == {urlsplit(address).netloc}
    assert complaints == []
