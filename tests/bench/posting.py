"""A lean client in a process of its own: connections that post prepared bodies, one by one each.

`python -m tests.bench.posting PORT PATH CLIENTS SECONDS FIXES HEADER...` prints JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time

import numpy as np
import uvloop

RATE_MAX = {1: 4_000, 1_000: 120}
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


async def one(port: int, head: str, bodies: list[bytes], until: float, taken: list[float]) -> int:
    """Post until the time is over; return how many bodies were used."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    used = 0
    while time.perf_counter() < until and used < len(bodies):
        payload = bodies[used]
        started = time.perf_counter()
        writer.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 202"):
            raise SystemExit(answer.decode())
        length = answer.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        taken.append(time.perf_counter() - started)
        used += 1
    writer.close()
    return used


def pace(taken: list[float], spent: float, following: int) -> str:
    """Return as JSON how fast requests were answered, and the number to go on with."""
    taken = sorted(taken)
    return json.dumps({
        "requests": len(taken), "per_s": len(taken) / spent,
        "p50_ms": 1e3 * taken[len(taken) // 2], "p99_ms": 1e3 * taken[len(taken) * 99 // 100],
        "next": following,
    })  # fmt: skip


async def main() -> None:
    """Prepare the bodies, post them, print the rate and the 99th percentile."""
    port, path, clients, seconds, fixes, first, *headers = sys.argv[1:]
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    head += "".join(f"{header}\r\n" for header in headers)
    each = int(float(seconds) * RATE_MAX[int(fixes)]) // int(clients) + 1
    serials = itertools.count(int(first))
    bodies = [[body(next(serials), int(fixes)) for _ in range(each)] for _ in range(int(clients))]
    taken: list[float] = []
    started = time.perf_counter()
    until = started + float(seconds)
    await asyncio.gather(*(one(int(port), head, some, until, taken) for some in bodies))
    spent = time.perf_counter() - started
    print(pace(taken, spent, next(serials)))


if __name__ == "__main__":
    uvloop.run(main())
