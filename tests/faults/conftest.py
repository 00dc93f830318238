"""Real processes of the service against a server that keeps what it acknowledges."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import psycopg
import pytest

from app import deliver, operate
from app.pipeline import run as flow
from app.store import content
from app.store.cluster import Cluster
from tests.conftest import _migrate

ROOT = Path(__file__).parents[2]
STARTED_S = 100  # a bound for machines shared with others; alone it takes 3 s
POLL_S = 0.05


@pytest.fixture(scope="session")
def durable_server() -> Iterator[str]:
    """Give the URL of a migrated database on a server of its own, which syncs every commit."""
    place = Path(tempfile.mkdtemp(prefix="flyways-faults-"))
    place.chmod(0o755)
    with Cluster(place).use() as url:
        _migrate(url)
        yield url
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def new_dsn(durable_server: str) -> Callable[[], str]:
    """Make migrated, empty databases on the durable server, which takes them along when it ends."""
    template = urlsplit(durable_server)
    admin_url = urlunsplit(template._replace(path="/postgres"))

    def make() -> str:
        name = f"faults_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f"create database {name} template {template.path[1:]} strategy file_copy")
        return urlunsplit(template._replace(path=f"/{name}"))

    return make


@dataclass
class Site:
    """One installation: a database, a study with a key, and the processes started on it."""

    dsn: str
    study: str
    key: str
    port: int
    body_max_bytes: int = 8 << 20
    env: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, verb: str) -> subprocess.Popen[bytes]:
        """Start `flyways serve` or `flyways worker` as operators do."""
        kept = {name: value for name, value in os.environ.items() if "FLYWAYS_" not in name}
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", verb],
            cwd=ROOT,
            env=kept
            | {
                "FLYWAYS_DATABASE_URL": self.dsn,
                "FLYWAYS_PORT": str(self.port),
                "FLYWAYS_RATE_LIMIT": "off",
                "FLYWAYS_BODY_MAX_BYTES": str(self.body_max_bytes),
                "FLYWAYS_LOG_LEVEL": "error",
            }
            | self.env,
        )
        self.running.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the web process and wait until it answers."""
        process = self.start("serve")

        def answers() -> bool:
            assert process.poll() is None
            try:
                return here.get(f"{self.root}/health/ready").status_code == 200
            except httpx2.TransportError:
                return False

        with httpx2.Client(verify=False) as here:
            until(answers, within_s=STARTED_S)
        return process

    def client(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=self.root,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
            verify=False,  # nothing is encrypted here; to read the certificates takes 40 ms
        )

    @property
    def uploads(self) -> str:
        return f"/api/v1/studies/{self.study}/pushes"

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as conn:
            return conn.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        return self.rows(sql, *values)[0][0]

    def push(self, body: bytes, folder: Path) -> str:
        """Keep a push without a web process; give its id."""
        file = folder / "push.csv"
        file.write_bytes(body)

        async def run() -> str:
            async with operate.opened(self.dsn) as store:
                return str(await deliver.push(store, file, uuid.UUID(self.study)))

        return asyncio.run(run())

    def drain(self) -> None:
        """Do what waits, in this process."""

        async def run() -> None:
            async with operate.opened(self.dsn) as store:
                assert await flow.drain(store) == []

        asyncio.run(run())

    def content(self) -> dict[str, dict[str, str]]:
        """Give everything derived, by bird and catalogue, without identities."""

        async def run() -> dict[str, dict[str, str]]:
            async with operate.opened(self.dsn) as store, store.read() as conn:
                birds = await content.individuals(conn)
                found = {name: await content.of_bird(conn, bird) for bird, name in birds}
                found["operator"] = await content.of_catalogue(conn, "operator", simulated=False)
                return found

        return asyncio.run(run())


def until(holds: Callable[[], bool], *, within_s: float) -> float:
    """Wait for another process to come to a state; give how long it took [s]."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(POLL_S)
    return time.monotonic() - began


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process the way the kernel does when memory runs out."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


@contextmanager
def _site(dsn: str) -> Iterator[Site]:
    async def fill() -> tuple[str, str]:
        async with operate.opened(dsn) as store:
            added = await operate.add_partner(store, "Amur", "RU")
            study = await operate.add_study(store, "Cranes", uuid.UUID(added["institute"]))
            return str(study["ref"]), added["key"]

    study, key = asyncio.run(fill())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = Site(dsn, study, key, port)
    try:
        yield site
    finally:
        for process in site.running:
            if process.poll() is None:
                kill(process)


@pytest.fixture
def site(new_dsn: Callable[[], str]) -> Iterator[Site]:
    """Give an installation of the test's own, with nothing running."""
    with _site(new_dsn()) as made:
        yield made


@pytest.fixture
def undisturbed(new_dsn: Callable[[], str]) -> Iterator[Site]:
    """Give a second installation, to compare with."""
    with _site(new_dsn()) as made:
        yield made


@pytest.fixture(scope="module")
def web(new_dsn: Callable[[], str]) -> Iterator[Site]:
    """Give an installation whose web process runs."""
    with _site(new_dsn()) as made:
        made.serve()
        yield made
