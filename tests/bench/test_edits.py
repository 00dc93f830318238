"""Three hundred edits of every kind, in random order: what is stored equals a rebuild.

Run by `make bench`. `tests/flow/test_edits.py` makes fifteen of the same edits on each run of the
suite. After some of them everything is compared with a rebuild, and at the end for good; what
differs is named with the edits since the last comparison.
"""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.flow.edits import edit, stale

STEPS = 300
SEEDS = (101, 102, 103)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_three_hundred_edits_end_equal_to_a_rebuild(new_service, seed, capsys):
    service = await new_service()
    rng = random.Random(seed)
    done: Counter[str] = Counter()
    since: list[str] = []
    began, spent = time.perf_counter(), time.process_time()
    for step in range(1, STEPS + 1):
        since.append(await edit(service, rng))
        if rng.random() < 0.15 or step == STEPS:
            assert await stale(service, areas=True) == {}, (step, since)
            done.update(since)
            since.clear()
    birds, fixes = await service.count("individual"), await service.count("fix")
    refused = sum(n for name, n in done.items() if "(" in name)
    assert refused < STEPS / 2, done
    with capsys.disabled():
        print(
            f"\n{STEPS} edits, seed {seed}: equal to a rebuild; {refused} contradicted what was"
            f" stored; {birds} birds, {fixes:,} fixes; {time.perf_counter() - began:.0f} s,"
            f" {time.process_time() - spent:.0f} s CPU of this process"
        )
        print("  " + ", ".join(f"{name} {n}" for name, n in sorted(done.items())))
