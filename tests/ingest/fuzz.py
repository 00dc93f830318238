"""
``make fuzz``: every target for a while, two at a time, under libFuzzer (atheris).

Each target runs in a process of its own. What reaches new lines of ``ingest`` is kept in
``.cache/fuzz/TARGET/corpus`` and is where the next run begins; what breaks a promise, takes over
10 s or over 1.5 GB is kept beside it in ``crashes``, and is run again first.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache/fuzz"
TIMEOUT_S = 10
MEMORY_MAX_MB = 1_500
BYTES_MAX = 20_000


@dataclass(frozen=True)
class Run:
    """One target's run: inputs tried, inputs kept, and what libFuzzer wrote if it failed."""

    name: str
    inputs: int
    kept: int
    failure: str


def child(name: str, options: list[str]) -> None:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris  # noqa: PLC0415 - what it is to watch must be imported under it

    with atheris.instrument_imports(include=["ingest"]):
        from tests.ingest.targets import TARGETS, samples  # noqa: PLC0415 - as above
    from tests.ingest.mutation import mutated  # noqa: PLC0415 - it may import what is watched

    seeds, aim = TARGETS[name]
    own = seeds()
    pool = [*own, *samples()]

    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(data, limit)
        return mutated(rng, data or rng.choice(own), pool, limit)

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(own):
            Path(folder, str(number)).write_bytes(seed[:BYTES_MAX])
        atheris.Setup([sys.argv[0], *options, folder], aim, custom_mutator=mutate)
        atheris.Fuzz()


def run(name: str, seconds: int, seed: int) -> Run:
    """Fuzz one target in a process of its own."""
    corpus, crashes = CACHE / name / "corpus", CACHE / name / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    told = subprocess.run(
        [sys.executable, "-m", "tests.ingest.fuzz", "--child", name,
         f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MAX_MB}",
         f"-max_len={BYTES_MAX}", f"-seed={seed}", "-len_control=0", "-print_final_stats=1",
         f"-artifact_prefix={crashes}/", str(corpus), str(crashes)],
        capture_output=True, text=True, errors="replace", check=False,
        cwd=Path(__file__).parents[2], env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    said = told.stdout + told.stderr
    inputs = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)\t", said, re.MULTILINE)
    tried = max((int(a or b) for a, b in inputs), default=0)
    failure = "" if told.returncode == 0 else said[-4_000:]
    return Run(name, tried, len(list(corpus.iterdir())), failure)


def main() -> int:
    """Fuzz targets; 1 where one failed."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=45, help="for each target")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("targets", nargs="*", help="default: all")
    chosen = parser.parse_args()
    from tests.ingest.targets import TARGETS  # noqa: PLC0415 - a child imports it under atheris

    if chosen.list:
        print(*TARGETS, sep="\n")
        return 0
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 2**31
    names = chosen.targets or [*TARGETS]
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(lambda name: run(name, chosen.seconds, seed), names):
            told = f"{done.name}: {done.inputs:,} inputs, {done.kept:,} kept, seed {seed}"
            print(f"{told}: FAILED\n{done.failure}" if done.failure else told, flush=True)
            failed += bool(done.failure)
    print(f"{len(names)} targets, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
