"""A bird that roosts and feeds at known places, from its fixes to the answer about its site."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.pipeline.run import drain
from app.pipeline.verify import verify
from app.store import layers, work
from app.store.engine import Store, execute
from tests.api.served import as_key, served
from tests.store.flock import Flock
from tests.store.test_layers import SOURCE, polygons

KEY, FOREIGN = as_key("flw_Amur"), as_key("flw_Seoul")
ROOST, FEED_DEG = (127.0, 38.0), 0.05
DAYS = 6
NIGHT_UTC = range(10, 21)
"""Hours of UTC from dusk to dawn there, in March."""


def place(hour: int) -> tuple[float, float]:
    """Roost by night, feed 4.4 km to the east by day: a little to and fro."""
    if (hour + 12) % 24 in NIGHT_UTC:  # the first fix is of noon
        return ROOST
    return ROOST[0] + FEED_DEG, ROOST[1] + 0.001 * (hour % 3)


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    flock.institute("Seoul")
    for name in "AB":
        tag = flock.tag(study, f"tag {name}", flock.bird(study, name))
        for hour in range(24 * DAYS):
            flock.fix(study, tag, hour, place(hour))
    return flock


async def test_roosts_days_and_ground_are_those_of_the_birds(flock: Flock) -> None:
    store = Store(flock.dsn, pool_size=2, statement_timeout_s=60)
    west = polygons(marsh=(126.9, 37.9, ROOST[0] + FEED_DEG / 2, 38.1))
    async with store.write() as conn:
        await layers.add_polygon_layer(conn, 1, "Marsh", SOURCE, west)
        await work.mark_all_dirty(conn)
    assert await drain(store) == []
    async with served(flock.dsn) as client:
        [listed] = (await client.get("/api/v1/sites", headers=KEY)).json()["items"]
        address = f"/api/v1/sites/{listed['id']}"
        site = (await client.get(address, headers=KEY)).json()
        assert (await client.get(address, headers=FOREIGN)).status_code == 404
        public = (await client.get("/api/v1/sites")).json()["items"]
    told = site["ranges"]
    assert (told["n_birds"], told["n_stays"], public) == (2, 2, [])
    [roost] = told["roosts"]
    assert (roost["lon"], roost["lat"]) == pytest.approx(ROOST, abs=1e-5)
    assert roost["nights"] == 2 * (DAYS + 1)  # the data begin and end within a night
    commute_m = FEED_DEG * 111_195 * np.cos(np.radians(38))
    assert told["to_feeding_m"]["mean"] == pytest.approx(commute_m, rel=0.01)
    assert told["to_feeding_m"]["low"] is None  # of two birds
    assert told["day_range_m"]["mean"] == pytest.approx(commute_m, rel=0.01)
    assert told["hull_km2"]["mean"] == pytest.approx(commute_m * 111.195 * 1 / 1e6, rel=0.02)
    assert told["area_50_km2"]["mean"] < told["area_95_km2"]["mean"]
    [ground] = site["ground"]
    shares = {each["name"]: each["share"] for each in ground["classes"]}
    assert (ground["name"], ground["n_birds"]) == ("Marsh", 2)
    # A triangle with its tip at the roost: its western half is a quarter.
    assert shares == pytest.approx({"outside": 0.75, "marsh": 0.25}, abs=1e-3)
    assert [v.differs for v in [v async for v in verify(store)] if v.differs] == []
    async with store.read() as conn:
        kept = await execute(conn, "select count(*)::int as n from stay_range")
    assert kept[0]["n"] == 2
    await store.close()
