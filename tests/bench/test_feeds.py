"""One bird's newest fixes as GeoJSON against tipg and pygeoapi, and 100,000 against GeoPandas.

Run by `make bench`; it prints figures and asserts none beyond equal payloads. Each server is one
uvicorn process on the same PostgreSQL; the peers read a table that holds our feed's columns ready
made, with an index for the question. Rates are of sixteen kept-alive connections in runs in turns;
latencies of one connection, request by request in turns, so that each server finds the caches of
the processor as the others left them. "Never asked before" asks for another end of the interval
each time.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import geopandas
import psycopg
import pytest
import sqlalchemy

from app import deliver, operate
from app.movement.simulate import flock_csv, reference_csv
from tests.bench import peers
from tests.faults.conftest import Site
from tests.flow.conftest import flock

ROUNDS = 40
LIMIT = 1_000
CONNECTIONS, RUNS, SECONDS = 16, 5, 6.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as bytes."""

    status: int
    etag: str
    body: bytes


Ask = Callable[[int], Answer]


class Client:
    """One kept-alive connection that does no more than read: what is timed is the server."""

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        parts = urlsplit(address)
        self.path, self.headers = parts.path, headers
        self.connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def get(self, values: dict[str, Any], **headers: str) -> Answer:
        """Ask for the address with these values."""
        path = f"{self.path}?{urlencode(values)}"
        self.connection.request("GET", path, headers=self.headers | headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers.get("etag", ""), answer.read())


@pytest.fixture
def full(site: Site, tmp_path: Path) -> Site:
    """Give an installation with 12 birds of a year, each half hour, and the peers' table of it."""
    birds = flock(seed=11, birds=12, days=365, interval_s=1800.0)
    for body in (reference_csv(birds), flock_csv(birds)):
        site.push(body, tmp_path)
    site.drain()
    peers.copy_fixes(site.dsn)
    with psycopg.connect(site.dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return site


def bird_of(site: Site) -> str:
    return str(
        site.one(
            f"select individual_id from {peers.SCHEMA}.{peers.TABLE} group by 1 order by count(*)"
            " desc, 1 limit 1"
        )
    )


def payload(answer: Answer) -> list[tuple[Any, ...]]:
    """Give what a map needs of each feature, in the order of the answer."""
    assert answer.status == 200, answer.body
    return [
        (
            each["properties"]["time"][:19],
            each["properties"]["tag"],
            *(round(number, 6) for number in each["geometry"]["coordinates"]),
        )
        for each in json.loads(answer.body)["features"]
    ]


def in_turns(asks: dict[str, Ask], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Time each way to ask, one after another, round after round [s]."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(rounds + 3):
        for name, ask in asks.items():
            started = time.perf_counter()
            answer = ask(number)
            spent = time.perf_counter() - started
            assert answer.status in {200, 304}
            if number >= 3:  # the first find caches and plans cold
                taken[name].append(spent)
    return taken


def told(title: str, taken: dict[str, list[float]], goal: str | dict[str, str] | None) -> str:
    goals = goal if isinstance(goal, dict) else dict.fromkeys(taken.keys() - {"ours"}, goal)
    ours = taken["ours"]
    lines = [title]
    for name, times in taken.items():
        ratio = statistics.median(a / b for a, b in zip(times, ours, strict=True))
        aim = f"  ratio {ratio:7.1f} (goal {goals[name]})" if goals.get(name) else ""
        lines.append(f"  {name:22}{statistics.median(times) * 1e3:9.2f} ms (median){aim}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Question:
    """The newest fixes of one bird, as each server is asked for them."""

    bird: str
    clients: dict[str, Client]

    def ours(self, number: int, *, etag: str = "", **more: Any) -> Answer:
        """Ask for the same fixes in words that differ with the number."""
        span = f"../2099-01-01T00:{number // 60:02}:{number % 60:02}Z"
        values = {"individual": self.bird, "limit": LIMIT, "datetime": span, **more}
        return self.clients["ours"].get(values, **({"If-None-Match": etag} if etag else {}))

    def asks(self, ours: Ask, **more: Any) -> dict[str, Ask]:
        """Give each server's way to ask, ours last."""

        def of(name: str, form: str) -> Ask:
            values = {"limit": LIMIT, "individual_id": self.bird, "sortby": "-time", "f": form}
            return lambda _: self.clients[name].get(values | more)

        return {"tipg": of("tipg", "geojson"), "pygeoapi": of("pygeoapi", "json"), "ours": ours}


@pytest.fixture
def question(full: Site, tmp_path: Path) -> Iterator[Question]:
    full.serve()
    key = {"Authorization": f"Bearer {full.key}"}
    with ExitStack() as stack:
        clients = {
            "tipg": Client(stack.enter_context(peers.tipg(full.dsn)), {}),
            "pygeoapi": Client(stack.enter_context(peers.pygeoapi(full.dsn, tmp_path)), {}),
            "ours": Client(f"{full.root}/feeds/fixes.geojson", key),
        }
        for client in clients.values():
            stack.callback(client.connection.close)
        yield Question(bird_of(full), clients)


@pytest.mark.timeout(900)
def test_feeds_of_fixes_against_other_servers(question: Question, capsys):
    asks = question.asks(question.ours)
    expected = payload(asks["ours"](0))
    assert len(expected) == LIMIT
    assert payload(asks["tipg"](0)) == payload(asks["pygeoapi"](0)) == expected
    uncached = in_turns(asks)
    cached = in_turns(question.asks(lambda _: question.ours(0)))
    etag = question.ours(0).etag
    current = in_turns(question.asks(lambda _: question.ours(0, etag=etag)))
    box = ",".join(map(str, box_of(expected)))
    asks = question.asks(lambda number: question.ours(number, bbox=box), bbox=box)
    boxed = payload(asks["ours"](0))
    assert 100 < len(boxed) <= LIMIT
    assert payload(asks["tipg"](0)) == boxed
    within = in_turns(asks)
    with capsys.disabled():
        print()
        print(told(f"{LIMIT:,} newest fixes of one bird, never asked before", uncached, "25"))
        print(told("the same, asked before", cached, "200"))
        print(told("the same, a current copy at hand (304)", current, None))
        print(told(f"{len(boxed):,} in a box", within, "20"))


def rate(client: Client, values: dict[str, Any], first: int) -> dict[str, Any]:
    """Ask by many connections at once, from a process of its own; give what it tells."""
    path = f"{client.path}?{urlencode(values, safe='{}:/')}"
    headers = [f"{name}: {value}" for name, value in client.headers.items()]
    words = [client.connection.port, CONNECTIONS, SECONDS, first, path, *headers]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.asking", *map(str, words)],
        cwd=peers.ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(1800)
def test_rates_of_feeds_against_other_servers(question: Question, capsys):
    clients, bird = question.clients, question.bird
    asks = question.asks(question.ours)
    answers = {name: ask(0) for name, ask in asks.items()}
    found = payload(answers["ours"])
    assert payload(answers["tipg"]) == payload(answers["pygeoapi"]) == found
    box = ",".join(map(str, box_of(found)))
    lines = []
    for title, aim, more, span in (
        (f"{LIMIT:,} newest fixes of one bird, never asked before", 25, {}, "../{moment}"),
        ("the same, asked before", 200, {}, "../2099-01-01T00:00:00Z"),
        ("in a box, never asked before", 20, {"bbox": box}, "../{moment}"),
    ):
        of_peers = {"limit": LIMIT, "individual_id": bird, "sortby": "-time"} | more
        values = {
            "tipg": of_peers | {"f": "geojson"},
            "pygeoapi": of_peers | {"f": "json"},
            "ours": {"individual": bird, "limit": LIMIT, "datetime": span, **more},
        }
        told: dict[str, list[dict[str, Any]]] = {name: [] for name in values}
        for _ in range(RUNS):
            for name, said in values.items():
                first = told["ours"][-1]["next"] if told["ours"] else 0
                told[name].append(rate(clients[name], said, first))
        lines.append(f"{title}, {CONNECTIONS} connections")
        for name, runs in told.items():
            per_s = statistics.median(each["per_s"] for each in runs)
            ratio = statistics.median(
                ours["per_s"] / each["per_s"] for ours, each in zip(told["ours"], runs, strict=True)
            )
            p99_ms = statistics.median(each["p99_ms"] for each in runs)
            lines.append(
                f"  {name:22}{per_s:9.1f} requests/s, p99 {p99_ms:7.1f} ms"
                + (f"  ratio {ratio:7.1f} (goal {aim})" if name != "ours" else "")
            )
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def box_of(points: list[tuple[Any, ...]]) -> tuple[float, float, float, float]:
    """Give a box around the middle half of some points."""
    lons = sorted(point[2] for point in points)
    lats = sorted(point[3] for point in points)
    low, high = len(points) // 8, len(points) * 7 // 8
    return lons[low], lats[low], lons[high], lats[high]


@pytest.mark.timeout(900)
def test_a_hundred_thousand_features_against_geopandas_and_json_agg(full: Site, tmp_path, capsys):
    peers.copy_fixes(full.dsn, hidden=True)
    peer = f"{peers.SCHEMA}.{peers.TABLE}"
    engine = sqlalchemy.create_engine(full.dsn.replace("postgresql:", "postgresql+psycopg:"))
    taken: dict[str, list[float]] = {"GeoPandas": [], "json_agg": [], "ours": []}
    counted: set[int] = set()
    for _ in range(3):
        started = time.perf_counter()
        frame = geopandas.read_postgis(f"select * from {peer}", engine, geom_col="geom")
        text = frame.to_json(default=str)
        taken["GeoPandas"].append(time.perf_counter() - started)
        counted.add(len(json.loads(text)["features"]))
        started = time.perf_counter()
        with psycopg.connect(full.dsn) as conn:
            conn.execute("set local work_mem = '256MB'")
            conn.execute(
                "select json_build_object('type', 'FeatureCollection', 'features',"
                f" json_agg(st_asgeojson(f.*, 'geom', 7)::json))::text from {peer} f"
            ).fetchone()
        taken["json_agg"].append(time.perf_counter() - started)
        started = time.perf_counter()
        counted.add(exported(full, tmp_path))
        taken["ours"].append(time.perf_counter() - started)
    engine.dispose()
    assert len(counted) == 1
    with capsys.disabled():
        print()
        goals = {"GeoPandas": "20", "json_agg": "8"}
        print(told(f"{counted.pop():,} fixes as one GeoJSON file", taken, goals))


def exported(site: Site, folder: Path) -> int:
    """Write the study as one GeoJSON file the way `flyways export` does; count its features."""

    async def run() -> int:
        async with operate.opened(site.dsn) as store:
            written = await deliver.export(
                store, UUID(site.study), form="geojson", out=folder, individual=None, datetime=None
            )
            return int(written["fixes"])

    return asyncio.run(run())
