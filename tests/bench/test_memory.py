"""Memory of web process and worker over the size of one push; the same records in other bytes.

Run by `make bench`; it prints figures and asserts that all was stored. The push is one gzipped
CSV of white storks, at 1, 4 and 16 times its size (copies under other names of birds), through
real processes. Peaks are the kernel's (VmHWM) over what the processes hold when idle.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.bench.test_push import AT_REST, new_site, settled
from tests.faults.conftest import kill, until
from tests.flow.test_real_birds import STORKS

__all__ = ["new_site"]
SIZES = (1, 4, 16)
GOAL_MB = 150
EACH_S = 300
"""Time that each of the copies may take until everything is derived [s]."""
WARM = b"timestamp,location-long,location-lat,individual-local-identifier\n" + b"".join(
    b"2024-07-01 %02d:%02d:00,127.5,38.2,Warm\n" % divmod(n, 60) for n in range(600)
)


def memory_mb(pid: int, field: str) -> float:
    """Return a figure of /proc/PID/status [MB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kb,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kb) / 1024


def copies(plain: bytes, n: int) -> bytes:
    """Repeat the rows under n names of each bird."""
    header, rows = plain.split(b"\n", 1)
    body = b"".join(rows.replace(b"(eobs", b"%d (eobs" % k) for k in range(n))
    return gzip.compress(header + b"\n" + body, 6)


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("n", SIZES)
def test_memory_over_the_size_of_a_push(new_site, shared_data: Path, capsys, n: int) -> None:
    plain = gzip.decompress((shared_data / STORKS).read_bytes())
    rows = plain.count(b"\n") - 1
    site = new_site()
    settled(site, WARM)  # libraries loaded, kernels compiled
    idle = [memory_mb(process.pid, "VmRSS") for process in site.running]
    body = copies(plain, n)

    def told(what: str) -> None:
        peaks = [memory_mb(process.pid, "VmHWM") for process in site.running]
        web, worker = (peak - rest for peak, rest in zip(peaks, idle, strict=True))
        with capsys.disabled():
            print(
                f"\n{n:3} x {rows:,} fixes ({len(body) / 2**20:.1f} MB sent), {what}:"
                f" web +{web:.0f} MB, worker +{worker:.0f} MB over idle"
                f" ({idle[0]:.0f}, {idle[1]:.0f} MB; goal {GOAL_MB})"
            )

    stored, processed = settled(
        site, body, within_s=n * EACH_S, when_stored=lambda: told("stored")
    )  # fmt: skip
    told("processed")
    assert site.one("select max(stored + duplicates) from decoding") == n * rows
    until(lambda: site.one(AT_REST), within_s=n * EACH_S)  # areas take a processor
    other_bytes = gzip.compress(gzip.decompress(body).replace(b"\n", b"\r\n"), 6)
    again = settled(site, other_bytes, within_s=n * EACH_S)[0]
    for process in site.running:
        kill(process)
    with capsys.disabled():
        print(
            f"stored {n * rows / stored:,.0f}/s, processed {n * rows / processed:,.0f}/s,"
            f" same records again {stored / again:.2f} x (goal 1.5)"
        )
