"""A lean client in a process of its own: connections that post prepared requests, one by one each.

`python -m tests.bench.posting PORT PATH CLIENTS SECONDS FIXES HEADER...` prints JSON. It shares
the machine with those it measures, so that it does no more than HTTP asks for.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import cast

import numpy as np
import uvloop

RATE_MAX = {1: 20_000, 1_000: 120}
"""Most bodies prepared for each second, by their fixes: more than this machine answers."""


def body(serial: int, fixes: int) -> bytes:
    """Give a push of some fixes that nobody has sent before."""
    tag, start = serial % 500, 1_600_000_000 + serial // 500 * fixes * 60
    times = np.arange(start, start + fixes * 60, 60).astype("datetime64[s]")
    rows = ",".join(
        f'{{"tag":"T{tag}","lon":{110 + tag / 50},"lat":{30 + n % 60 / 100},"time":"{time}Z",'
        '"ground_speed_m_s":0.5}'
        for n, time in enumerate(np.datetime_as_string(times).tolist())
    )
    return f'{{"fixes":[{rows}]}}'.encode()


class Poster(asyncio.Protocol):
    """One connection: it posts the next request when the answer to the last one is whole."""

    def __init__(self, requests: list[bytes], until: float) -> None:
        self.requests, self.until = requests, until
        self.taken: list[float] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Post the first."""
        self._transport = cast("asyncio.Transport", transport)
        self._post()

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer."""
        self._came = came = self._came + data
        head, mark, rest = came.partition(b"\r\n\r\n")
        if not mark:
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self.over.set_exception(SystemExit(came.decode()))
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) >= length:
            self.taken.append(time.perf_counter() - self._posted)
            self._post()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of a connection that ended too early."""
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("the server hung up"))

    def _post(self) -> None:
        self._came = b""
        self._posted = time.perf_counter()
        if self._posted < self.until and len(self.taken) < len(self.requests):
            self._transport.write(self.requests[len(self.taken)])
        else:
            self.over.set_result(None)
            self._transport.close()


def pace(taken: list[float], spent: float, following: int) -> str:
    """Return as JSON how fast requests were answered, and the number to go on with."""
    taken = sorted(taken)
    return json.dumps({
        "requests": len(taken), "per_s": len(taken) / spent,
        "p50_ms": 1e3 * taken[len(taken) // 2], "p99_ms": 1e3 * taken[len(taken) * 99 // 100],
        "next": following,
    })  # fmt: skip


async def main() -> None:
    """Prepare the requests, post them, print the rate and the 99th percentile."""
    port, path, clients, seconds, fixes, first, *headers = sys.argv[1:]
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    head += "".join(f"{header}\r\n" for header in headers)

    def request(serial: int) -> bytes:
        payload = body(serial, int(fixes))
        return f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload

    each = int(float(seconds) * RATE_MAX[int(fixes)]) // int(clients) + 1
    serials = itertools.count(int(first))
    requests = [[request(next(serials)) for _ in range(each)] for _ in range(int(clients))]
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    posters = [Poster(some, started + float(seconds)) for some in requests]
    for poster in posters:
        await loop.create_connection(lambda poster=poster: poster, "127.0.0.1", int(port))
    await asyncio.gather(*(poster.over for poster in posters))
    spent = time.perf_counter() - started
    print(pace([s for poster in posters for s in poster.taken], spent, next(serials)))


if __name__ == "__main__":
    uvloop.run(main())
