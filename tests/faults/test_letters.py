"""Small pushes of many senders at once, while what keeps them is killed: answered means kept."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.faults.conftest import Site, kill

SENDERS = 8
ENOUGH = 200
"""Pushes that are answered before anything is killed."""


class Burst:
    """What senders were answered: the bytes of each push that is said to be kept, by its id."""

    def __init__(self, site: Site, source: dict[str, Any]) -> None:
        self.site, self.source = site, source
        self.kept: dict[str, bytes] = {}
        self.others: list[int] = []
        self.enough, self.over = threading.Event(), threading.Event()

    def send(self, sender: int) -> None:
        headers = {"Authorization": f"Bearer {self.source['secret']}"}
        number = 0
        with self.site.client() as client:
            while not self.over.is_set():
                number += 1
                body = b'[{"tag":"S%d","lat":38.1,"lon":127.1,"n":%d}]' % (sender, number)
                try:
                    answer = client.post(self.source["push"], content=body, headers=headers)
                except httpx2.TransportError:
                    return  # its process ended: nothing was answered
                if answer.status_code == 202:
                    self.kept[answer.json()["push_id"]] = body
                else:
                    self.others.append(answer.status_code)
                if len(self.kept) >= ENOUGH:
                    self.enough.set()

    def lost(self) -> list[str]:
        """Give the answered pushes that are not there as they were sent, or not to be decoded."""
        stored = {
            str(ref): bytes(body)
            for ref, body in self.site.rows(
                "select p.ref, c.body from push p join push_chunk c on c.push_id = p.id"
                " join decoding d on d.push_id = p.id"
            )
        }
        return [ref for ref, body in self.kept.items() if stored.get(ref) != body]


@contextmanager
def bursting(site: Site) -> Iterator[Burst]:
    """Have senders send until the block is left or their server is."""
    with site.client() as client:
        made = client.post(
            "/api/v1/sources", json={"study": site.study, "name": "letters", "scheme": "token"}
        )
        assert made.status_code == 201, made.text
    burst = Burst(site, made.json())
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(burst.send, sender) for sender in range(SENDERS)]
        try:
            assert burst.enough.wait(60)
            yield burst
        finally:
            burst.over.set()
        for sender in sending:
            sender.result()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as a supervisor does."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("end", [kill, stop])
def test_a_web_process_that_ends_within_a_burst_keeps_what_it_answered(
    site: Site, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    process = site.serve()
    with bursting(site) as burst:
        end(process)
    assert len(burst.kept) >= ENOUGH
    assert burst.lost() == []
    assert burst.others == []


@pytest.mark.timeout(240)
def test_a_database_that_crashes_within_a_burst_keeps_what_was_answered(site: Site) -> None:
    """A killed backend takes all others along: the server starts anew from its log."""
    site.serve()
    with bursting(site) as burst:
        backend = site.one(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = 'flyways-web' limit 1"
        )
        os.kill(backend, signal.SIGKILL)
        before = len(burst.kept)
        back = threading.Event()
        for _ in range(300):
            if len(burst.kept) >= before + ENOUGH:
                break
            back.wait(0.1)
    assert len(burst.kept) >= before + ENOUGH
    assert set(burst.others) <= {503}
    assert burst.lost() == []
