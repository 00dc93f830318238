"""A lean client in a process of its own: kept-alive connections that ask, and read to the end.

`python -m tests.bench.asking PORT CONNECTIONS SECONDS FIRST PATH HEADER...` prints JSON. `{moment}`
in the path becomes another time for each request, beginning with the number FIRST.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from typing import cast

import uvloop

from tests.bench.posting import pace

LENGTH = re.compile(rb"(?i)content-length: (\d+)")
CHUNKED = re.compile(rb"(?i)transfer-encoding: chunked")
LAST_CHUNK = b"\r\n0\r\n\r\n"
"""Of a body in chunks; JSON on one line holds no such end of its own."""


class Asking(asyncio.Protocol):
    """One connection, one request at a time; what comes is counted, not kept."""

    def __init__(self, path: str, head: str, numbers: itertools.count[int]) -> None:
        self.path, self.head, self.numbers = path, head, numbers
        self.taken: list[float] = []
        self.left, self.beginning, self.failure = 0, b"", ""
        self.end: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is none by birth
        self.ask()

    def ask(self) -> None:
        n = next(self.numbers)
        moment = f"2099-01-{1 + n // 86_400:02}T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        self.left, self.beginning, self.end, self.began = 0, b"", None, time.perf_counter()
        self.transport.write(f"GET {self.path.format(moment=moment)} {self.head}".encode())

    def data_received(self, data: bytes) -> None:
        if not self.left and self.end is None:
            self.beginning += data
            head, found, data = self.beginning.partition(b"\r\n\r\n")
            if not found:
                return
            length = LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or not (length or CHUNKED.search(head)):
                self.failure = head.decode()
                self.transport.close()
                return
            self.left, self.end = (int(length[1]), None) if length else (0, b"")
        if self.end is None:
            self.left -= len(data)
        else:
            self.end = (self.end + data)[-len(LAST_CHUNK) :]
        if self.end == LAST_CHUNK or (self.end is None and not self.left):
            self.taken.append(time.perf_counter() - self.began)
            self.ask()


async def main() -> None:
    """Ask until the time is over; print the rate, and the median and 99th percentile."""
    port, connections, seconds, first, path, *headers = sys.argv[1:]
    head = "HTTP/1.1\r\nHost: bench\r\n" + "".join(f"{each}\r\n" for each in headers) + "\r\n"
    numbers, loop = itertools.count(int(first)), asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Asking(path, head, numbers), "127.0.0.1", int(port))
        for _ in range(int(connections))
    ]
    await asyncio.sleep(float(seconds))
    spent = time.perf_counter() - began
    taken = [each for _, asking in made for each in asking.taken]
    for transport, asking in made:
        if asking.failure:
            raise SystemExit(asking.failure)
        transport.abort()
    print(pace(taken, spent, next(numbers)))


if __name__ == "__main__":
    uvloop.run(main())
