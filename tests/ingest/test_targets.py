"""What ``make fuzz`` runs can run: each target begins at seeds that keep its promise."""

from __future__ import annotations

import pytest

from tests.ingest.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_shortest_seed(name: str) -> None:
    seeds, aim = TARGETS[name]
    aim(min(seeds(), key=len))
