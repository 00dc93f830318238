"""A browser, and a stub of the service: the viewer's files, canned feeds, a session."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page

from .chromium import browser, chromium, context, pytest_runtest_protocol
from .flock import Feature, feeds, ref

__all__ = ["browser", "chromium", "context", "pytest_runtest_protocol"]

VIEWER = Path(__file__).resolve().parents[2] / "app" / "viewer"
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
    ".mjs": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
}  # fmt: skip
# The strictest policy the page has to run under: no inline script or style, no other host.
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'"
)
BOX_LAND = {
    "type": "Topology",
    "arcs": [[[100, 30], [100, 60], [140, 60], [140, 30], [100, 30]]],
    "objects": {"land": {
        "type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": [[0]]}],
    }},
}  # fmt: skip
TICKET = "ticket-for-the-operator"
VISIT = "X-Visit"


@dataclass
class Stub:
    """What the stub answers, changed by a test; and what it was asked."""

    feeds: dict[str, list[Feature]] = field(default_factory=feeds)
    problems: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    signed_in: bool = False
    whole_land: bool = False  # a box stands for the land, save where the land is looked at
    url: str = ""
    visit: str = field(default_factory=lambda: uuid4().hex)

    def queries(self, feed: str) -> list[dict[str, str]]:
        return [query for path, query in self.asked if path == f"/feeds/{feed}.geojson"]


class Handler(BaseHTTPRequestHandler):
    stub: Stub
    url: str
    vendor: dict[str, Path]

    def log_message(self, *args: object) -> None:
        """Keep the test's output quiet."""

    def do_GET(self) -> None:
        path, query = self.read_path()
        if path.startswith("/feeds/"):
            self.feed(path.removeprefix("/feeds/").removesuffix(".geojson"), query)
        elif path == "/api/v1/studies":
            self.send(studies(self.url, int(query.get("cursor", 0))))
        elif path == "/api/v1/session":
            self.send(session(self.stub))
        elif path == "/api/v1/time-zones" and "time-zones" not in self.stub.problems:
            self.send({"time_zone": "Asia/Shanghai" if float(query["lon"]) < 124 else "Asia/Seoul"})
        elif path == "/api/v1/species":
            self.send({"items": [{
                "key": "white_naped_crane", "scientific_name": "Grus vipio", "synonyms": [],
                "names": {"en": "White-naped Crane", "ko": "재두루미"},
            }], "next": None})  # fmt: skip
        else:
            self.file(path)

    def do_POST(self) -> None:
        self.read_path()
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if sent == {"ticket": TICKET}:
            self.stub.signed_in = True
            self.send(session(self.stub))
        else:
            problem = {"detail": "The ticket has expired.", "remedy": "Run `make run` again."}
            self.send(problem, 401, "application/problem+json")

    def do_DELETE(self) -> None:
        self.read_path()
        self.stub.signed_in = False
        self.send({})

    def read_path(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        # What the page of the test before still had under way is no question of this one.
        if self.headers.get(VISIT, self.stub.visit) == self.stub.visit:
            self.stub.asked.append((parts.path, query))
        return parts.path, query

    def feed(self, name: str, query: dict[str, str]) -> None:
        if problem := self.stub.problems.get(name):
            return self.send(problem, problem["status"], "application/problem+json")
        chosen = [item for item in self.stub.feeds[name] if matches(item["properties"], query)]
        first, size = int(query.get("cursor", 0)), int(query.get("limit", 100))
        body: dict[str, Any] = {
            "type": "FeatureCollection", "features": chosen[first : first + size]
        }  # fmt: skip
        if first + size < len(chosen):
            href = f"/feeds/{name}.geojson?limit={size}&cursor={first + size}"
            body["links"] = [{"rel": "next", "href": href}]
        return self.send(body, 200, "application/geo+json")

    def file(self, path: str) -> None:
        name = path.removeprefix("/viewer/") if path != "/" else "index.html"
        if name.startswith("vendor/world-atlas/land") and not self.stub.whole_land:
            return self.send(BOX_LAND)
        source = self.vendor.get(name, VIEWER / name)
        if not source.is_file():
            return self.send({"detail": f"No such page: {path}"}, 404, "application/problem+json")
        return self.answer(source.read_bytes(), 200, TYPES.get(source.suffix, "text/plain"))

    def send(self, body: object, status: int = 200, kind: str = "application/json") -> None:
        self.answer(json.dumps(body).encode(), status, kind)

    def answer(self, body: bytes, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        cache = "max-age=600" if "/vendor/maplibre" in self.path else "no-store"
        self.send_header("Cache-Control", cache)
        self.end_headers()
        self.wfile.write(body)


def session(stub: Stub) -> dict[str, Any]:
    institute = {"id": "n1", "name": "Crane Institute"} if stub.signed_in else None
    return {"signed_in": stub.signed_in, "institute": institute}


def studies(url: str, cursor: int) -> dict[str, Any]:
    """Give two studies, one a page."""
    following = None if cursor else f"{url}api/v1/studies?limit=1000&cursor=1"
    name = ["Demo flock", "Lake flock"][cursor]
    return {"items": [{"id": ref(100 + cursor), "name": name}], "next": following}


def matches(properties: dict[str, Any], query: dict[str, str]) -> bool:
    species = properties.get("species", [])
    wanted = query.get("species")
    if wanted and wanted not in ([species] if isinstance(species, str) else species):
        return False
    return query.get("individual") in (None, properties.get("individual_id"))


@pytest.fixture(scope="session")
def vendor() -> dict[str, Path]:
    """Map `/viewer/vendor/...` to the installed files, those that vendor.json names."""
    entries = json.loads((VIEWER / "vendor.json").read_text())
    files = {f"vendor/{e['to']}": VIEWER / "vendor" / e["to"] for e in entries}
    if not all(path.is_file() for path in files.values()):
        pytest.skip("the map's third-party files are not installed: run `make install`")
    return files


@pytest.fixture(scope="session")
def served(vendor: dict[str, Path]) -> Iterator[type[Handler]]:
    """One server for all tests, so that the browser keeps third-party files it has compiled."""
    handler = type("BoundHandler", (Handler,), {"vendor": vendor})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stub(served: type[Handler]) -> Stub:
    served.stub = Stub(url=served.url)
    return served.stub


@dataclass
class Visit:
    """One page in the browser, with all it complained about and asked for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, address: str = "") -> "Visit":
        """Open an address of the service and wait until its feeds and tiles stand."""
        self.page.goto(self.url + address)
        self.page.evaluate("async () => { await window.flyways.ready; }")
        return self.settle()

    def settle(self) -> "Visit":
        self.page.wait_for_function("() => flyways.loader.settled && flyways.map.loaded()")
        return self

    def rendered(self, layer: str, name: str) -> list[Any]:
        """Give one property of all that a map layer shows now, sorted, each value once."""
        features = self.page.evaluate(
            "([layer, name]) => flyways.map.queryRenderedFeatures({ layers: [layer] })"
            ".map((feature) => feature.properties[name])",
            [layer, name],
        )
        return sorted(set(features), key=str)

    def fragment(self) -> dict[str, str]:
        parts = parse_qs(urlsplit(self.page.url).fragment)
        return {name: values[0] for name, values in parts.items()}


@pytest.fixture
def base_url(stub: Stub) -> str:
    """The service under test; tests/clients puts the real one in the stub's place."""
    return stub.url


@pytest.fixture
def headers(stub: Stub) -> dict[str, str]:
    """What each request of the page tells besides: which visit it is of."""
    return {VISIT: stub.visit}


@pytest.fixture
def visit(context: BrowserContext, base_url: str, headers: dict[str, str]) -> Iterator[Visit]:
    visit = Visit(context.new_page(), base_url)
    page = visit.page
    page.set_extra_http_headers(headers)
    page.on("request", lambda request: visit.hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            message.type in {"error", "warning"}
            and "GPU stall due to ReadPixels" not in message.text  # what a screenshot costs
            and visit.complaints.append(message.text)
        ),
    )
    yield visit
    page.close()
