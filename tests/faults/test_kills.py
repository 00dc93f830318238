"""Processes killed at the worst time: nothing acknowledged is lost, and the end is the same."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from app.demo import flock_files
from app.movement.sensing import Sending
from tests.faults.conftest import Site, kill, until

RECOVERED_S = 60
"""From the start of a new worker to the end of what the killed one left [s]."""

FLOCK = flock_files(
    datetime(2025, 12, 1, tzinfo=UTC), birds=6, days=80, seed=11, sending=Sending(interval_s=7200)
)


def in_decoding(site: Site) -> bool:
    return bool(site.rows("select from decoding where state = 'received' and attempts > 0"))


def in_deriving(site: Site) -> bool:
    """Some birds are done and some are not."""
    left = site.one("select count(*) from dirty")
    return 0 < left < site.one("select count(*) from individual")


def is_done(site: Site) -> bool:
    return not site.rows("select from decoding where state <> 'processed'")


@pytest.mark.timeout(400)
def test_a_worker_killed_while_decoding_and_while_deriving_loses_nothing(
    site: Site, undisturbed: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n_rows = len(FLOCK["events"].splitlines()) - 1
    assert n_rows > 5_000
    for each in (site, undisturbed):
        each.push(FLOCK["reference"], tmp_path)
        each.drain()
        each.push(FLOCK["events"], tmp_path)
    for moment in (in_decoding, in_deriving):
        worker = site.start("worker")
        until(lambda moment=moment: moment(site), within_s=60)
        kill(worker)
        assert not is_done(site)
    assert site.one("select count(*) from fix") in {0, n_rows}
    site.start("worker")
    took_s = until(lambda: is_done(site), within_s=RECOVERED_S)
    with capsys.disabled():
        print(f"\n{n_rows} rows, worker killed twice: done {took_s:.1f} s after its last start")
    site.drain()  # the areas that birds used, which nothing waits for
    undisturbed.drain()
    assert site.one("select sum(stored) from decoding where format = 'movebank-csv'") == n_rows
    assert site.content() == undisturbed.content()


@pytest.mark.timeout(240)
def test_a_worker_killed_between_two_pieces_of_a_push_leaves_nothing_of_it(
    site: Site, tmp_path: Path
) -> None:
    rows = 120_000  # two pieces and some more
    header = "timestamp,location-long,location-lat,tag-local-identifier,tag-voltage\n"
    start = datetime(2024, 1, 1, tzinfo=UTC)
    lines = (
        f"{start + timedelta(seconds=60 * n):%Y-%m-%d %H:%M:%S},,,T{n % 3},3700\n"
        for n in range(rows)
    )
    site.push((header + "".join(lines)).encode(), tmp_path)
    worker = site.start("worker")
    until(lambda: site.one("select pg_relation_size('reading')") > 0, within_s=90)
    kill(worker)
    assert site.one("select count(*) from reading") == 0
    assert in_decoding(site)
    site.drain()
    assert is_done(site)
    assert site.one("select count(*) from reading") == rows
    assert site.one("select without_position from decoding") == rows


def body(number: int) -> bytes:
    header, *rows = FLOCK["events"].splitlines()
    return b"\n".join([header, *rows[number * 50 : number * 50 + 50]]) + b"\n"


@pytest.mark.timeout(300)
def test_a_web_process_killed_under_uploads_keeps_what_it_acknowledged(site: Site) -> None:
    process = site.serve()
    acknowledged: dict[str, bytes] = {}
    enough = threading.Event()

    def send(worker: int) -> None:
        with site.client() as client:
            for number in range(worker, 180, 6):
                try:
                    answer = client.post(site.uploads, content=body(number))
                except httpx2.TransportError:
                    return  # killed: nothing was acknowledged
                assert answer.status_code == 202, answer.text
                acknowledged[answer.json()["push_id"]] = body(number)
                if len(acknowledged) >= 20:
                    enough.set()

    with ThreadPoolExecutor(6) as pool:
        senders = [pool.submit(send, worker) for worker in range(6)]
        assert enough.wait(60)
        kill(process)
        for sender in senders:
            sender.result()
    assert 20 <= len(acknowledged) < 180
    site.serve()
    with site.client() as client:
        for push_id, sent in acknowledged.items():
            receipt = client.get(f"/api/v1/pushes/{push_id}").json()
            assert receipt["digest"] == f"sha256:{hashlib.sha256(sent).hexdigest()}"
            assert client.get(f"/api/v1/pushes/{push_id}/body").content == sent
    site.drain()
    assert is_done(site)
