"""A worker killed while it pulls: what it kept stays, the rest comes, and no lock is left."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from app import operate
from app.api.connectors import ConnectorIn, values_of
from app.pull.run import Surroundings
from tests.faults.conftest import Site, kill, until
from tests.pull.conftest import PASSWORD
from tests.pull.stub import Asked, Reply, serving
from tests.pull.test_folder import HEADER, line
from tests.pull.test_lotek import Lotek

DEVICES = 3
FILES = {f"{n}.csv": (HEADER + line(n) + line(n + 10)).encode() for n in range(3)}
BIRDS = (
    "tag-id,animal-id,animal-taxon,deploy-on-date\n"
    + "".join(f"{tag},bird {tag},Grus vipio,2026-01-01\n" for tag in ("1", "2", "3", "226976"))
).encode()


class Halting(Lotek):
    """Lotek whose answer about the second device stops in the middle until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        now = datetime.now(UTC).replace(microsecond=0)
        self.uploads = [
            (now - timedelta(days=1), device, datetime(2026, 5, 1, hour, tzinfo=UTC))
            for device in range(1, DEVICES + 1) for hour in range(20)
        ]  # fmt: skip
        self.halted, self.on = threading.Event(), threading.Event()

    def answer(self, asked: Asked) -> Reply:
        reply = super().answer(asked)
        if asked.query.get("deviceId") == "2" and not self.on.is_set():
            reply.midway = self.halt
        return reply

    def halt(self) -> None:
        self.halted.set()
        self.on.wait(60)


def connect(site: Site, service: Lotek, place: Path) -> list[UUID]:
    """Give a site its two connectors, and its folder the files."""
    own = place / site.study
    own.mkdir(parents=True)
    for name, body in FILES.items():
        (own / name).write_bytes(body)
    around = Surroundings({"lotek": service.base}, place)
    site.env = {
        "FLYWAYS_PULL_BASES": f'{{"lotek": "{service.base}"}}', "FLYWAYS_INBOX_DIR": str(place),
    }  # fmt: skip
    asked: list[dict[str, Any]] = [
        {"provider": "lotek", "username": "me", "password": PASSWORD},
        {"provider": "folder", "settle_s": 0},
    ]

    async def run() -> list[UUID]:
        async with operate.opened(site.dsn) as store:
            study = UUID(site.study)
            return [
                (await operate.add_connector(store, study, values_of(ConnectorIn.model_validate(
                    {"study": study, "name": each["provider"]} | each))))["ref"]
                for each in asked
            ]  # fmt: skip

    assert around.inbox_dir is not None
    return asyncio.run(run())


def pull_here(site: Site, connectors: list[UUID], around: Surroundings) -> None:
    async def run() -> None:
        async with operate.opened(site.dsn) as store:
            for each in connectors:
                done = await operate.run_connector(store, each, around)
                assert done == {"pushes": 3, "pulled_elsewhere": False, "problem": None}

    asyncio.run(run())


@contextmanager
def kept_waiting(site: Site, body: bytes) -> Iterator[None]:
    """Let whoever keeps these bytes wait, once they are written, at the end of its transaction."""
    with psycopg.connect(site.dsn, autocommit=True) as conn:
        conn.execute(
            "select pg_advisory_lock(hashtextextended(%s, (select id from study where ref = %s)))",
            [hashlib.sha256(body).hexdigest(), site.study],
        )
        yield


def fixes(site: Site) -> list[tuple[Any, ...]]:
    return site.rows(
        "select t.local_identifier, f.time, f.lon, f.lat, f.study_id from fix f"
        " join tag t on t.id = f.tag_id where f.live order by 1, 2"
    )


def bodies(site: Site) -> list[bytes]:
    return sorted(row[0] for row in site.rows(
        "select c.body from push p join push_chunk c on c.push_id = p.id"
        " where p.connector_id is not null"))  # fmt: skip


@pytest.mark.timeout(300)
def test_a_worker_killed_in_the_middle_of_pages_goes_on_where_the_last_was_kept(
    site: Site, undisturbed: Site, tmp_path: Path
) -> None:
    """One page is half received, one written and not committed: neither leaves a trace."""
    with serving(Halting()) as service:
        for each in (site, undisturbed):
            each.push(BIRDS, tmp_path)
            each.drain()
        connect(site, service, tmp_path / "a")
        with kept_waiting(site, FILES["1.csv"]):
            worker = site.start("worker")
            until(
                lambda: (
                    service.halted.is_set()
                    and bool(
                        site.rows(
                            "select from pg_locks where locktype = 'advisory' and not granted"
                        )
                    )
                ),
                within_s=100,
            )
            kill(worker)
            assert worker.poll() == -9
        until(
            lambda: (
                not site.rows(
                    "select from pg_locks where locktype = 'advisory' union all"
                    " select from pg_stat_activity where datname = current_database()"
                    " and application_name like 'flyways%%'"
                )
            ),
            within_s=20,
        )
        kept = dict(site.rows("select provider, cursor from connector"))
        assert list(kept["lotek"]) == ["1"]
        assert list(kept["folder"]) == ["0.csv"]
        assert len(bodies(site)) == 2
        service.on.set()
        again = site.start("worker")
        until(lambda: site.one("select count(*) from connector where last_success_at is null") == 0
              and not site.rows("select from decoding where state <> 'processed'")
              and not site.rows("select from dirty"), within_s=100)  # fmt: skip
        kill(again)
        pull_here(
            undisturbed, connect(undisturbed, service, tmp_path / "b"),
            Surroundings({"lotek": service.base}, tmp_path / "b"),
        )  # fmt: skip
        site.drain()  # the areas that birds used, which nothing waits for
        undisturbed.drain()
    assert site.rows("select from connector where problem is not null or failures > 0") == []
    assert len(fixes(site)) == 20 * DEVICES + 2 * len(FILES)
    assert fixes(site) == fixes(undisturbed)
    assert bodies(site) == bodies(undisturbed)
    assert site.content() == undisturbed.content()
    cursors = dict(site.rows("select provider, cursor from connector"))
    assert sorted(cursors["lotek"]) == ["1", "2", "3"]
    own = tmp_path / "a" / site.study
    assert cursors["folder"] == {
        name: f"{state.st_ino}:{state.st_size}:{state.st_mtime_ns}"
        for name in FILES for state in [(own / name).stat()]
    }  # fmt: skip
