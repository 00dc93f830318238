"""Webhooks against an endpoint written with the ORM, in turns, on one server that syncs commits.

Run by `make bench`; it prints figures and asserts none. A: `tests/bench/orm_endpoint.py`;
B: `POST /push/{source}` of `flyways serve`. Both are one uvicorn process; the same bodies come
from 32 connections (8 with a thousand fixes) of a client process. A answers when its rows are
stored, B when the bytes are on disk: when the worker has stored them all is printed beside it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.faults.conftest import Site, kill, until

ROOT = Path(__file__).parents[2]
ROUNDS = 9
SECONDS = 2
"""Many short turns: a shared machine changes its pace within seconds. A fills one core, B both."""
CASES = {"1 fix, 32 clients": (1, 32), "1,000 fixes, 8 clients": (1_000, 8)}


@pytest.fixture
def orm(site: Site, unused_tcp_port: int):
    process = subprocess.Popen(
        [
            sys.executable, "-m", "uvicorn", "tests.bench.orm_endpoint:app",
            "--port", str(unused_tcp_port), "--log-level", "error", "--no-access-log",
        ],
        cwd=ROOT,
        env=os.environ | {"ORM_URL": site.dsn.replace("postgresql:", "postgresql+asyncpg:")},
    )  # fmt: skip

    def answers() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{unused_tcp_port}/ready").status_code == 200
        except httpx2.TransportError:
            return False

    until(answers, within_s=40)
    yield unused_tcp_port
    kill(process)


def post(port: int, path: str, case: tuple[int, int], first: int, *headers: str) -> dict[str, Any]:
    fixes, clients = case
    words = [port, path, clients, SECONDS, fixes, first, *headers]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.posting", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_webhooks_against_the_orm(site: Site, orm: int, name: str, capsys):
    case = CASES[name]
    site.serve()
    with site.client() as client:
        made = client.post(
            "/api/v1/sources",
            json={"study": site.study, "name": "bench", "scheme": "token",
                  "format": "flyways-json"},
        )  # fmt: skip
        assert made.status_code == 201, made.text
    source, token = made.json()["id"], made.json()["secret"]
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        first = ours[-1]["next"] if ours else 0
        theirs.append(post(orm, "/push", case, first))
        ours.append(
            post(site.port, f"/push/{source}", case, first, f"Authorization: Bearer {token}")
        )
    sent = sum(each["requests"] for each in ours)
    started = time.perf_counter()
    site.start("worker")
    until(
        lambda: site.one("select count(*) from decoding where state = 'received'") == 0,
        within_s=600,
    )
    stored_s = time.perf_counter() - started
    assert site.one("select count(*) from fix") == sent * case[0]
    ratios = [b["per_s"] / a["per_s"] for a, b in zip(theirs, ours, strict=True)]
    tails = [b["p99_ms"] / a["p99_ms"] for a, b in zip(theirs, ours, strict=True)]
    with capsys.disabled():
        print(f"\nwebhooks of {name}, {ROUNDS} turns of {SECONDS} s")
        for said, runs in (("ORM endpoint", theirs), ("ours", ours)):
            rate, p99 = (statistics.median(r[k] for r in runs) for k in ("per_s", "p99_ms"))
            print(f"  {said:14}{rate:>9,.0f} requests/s, {rate * case[0]:>9,.0f} fixes/s,"
                  f" p99 {p99:,.0f} ms")  # fmt: skip
        print(f"  ratio         {statistics.median(ratios):>9.1f} (goal 8),"
              f" {min(ratios):.1f} to {max(ratios):.1f}")  # fmt: skip
        print(f"  p99 ratio     {statistics.median(tails):>9.2f} (goal <= 0.5)")
        print(f"  all {sent:,} pushes stored by one worker in {stored_s:.1f} s:"
              f" {sent * case[0] / stored_s:,.0f} fixes/s")  # fmt: skip
