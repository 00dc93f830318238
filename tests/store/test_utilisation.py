from __future__ import annotations

from collections.abc import Callable

import pytest

from app.store import derived, measuring, utilisation
from app.store.audience import Audience
from tests.store.flock import START, Flock

OWNER = Audience("institute", 1, 1, exact=(1,))
STRANGER = Audience("public", open=(1,))


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    flock.utilisation(study, flock.bird(study, "A"))
    return flock


async def test_the_owner_alone_reads_areas_and_what_waits(flock: Flock) -> None:
    asked = {"method": "akde", "levels": (50, 95), "season": None}
    async with flock.trial() as conn:
        assert len(await utilisation.areas(conn, OWNER, 1, **asked)) == 1
        assert await utilisation.areas(conn, STRANGER, 1, **asked) == []
        await measuring.mark(conn, await derived.bird(conn, 1), START, START)
        assert await utilisation.pending(conn, OWNER, 1)
        assert not await utilisation.pending(conn, STRANGER, 1)
