"""Key sites: of enough birds, of others in groups alone, cut at borders, honest about gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from app.pipeline.keysites import find_key_sites
from app.pipeline.run import drain
from app.store import keysites, work
from app.store.engine import Connection, Store, execute
from tests.store.flock import UNRELEASED, Flock

HAUNT, OTHER, BORDER = (127.2, 38.3), (116.0, 29.1), (130.6, 42.4)
SITES = "select species_key, season, area, area_km2, n_birds, n_birds_max from key_site order by id"


def around(place: tuple[float, float], seed: int, n: int = 12) -> list[tuple[float, float]]:
    east, north = np.random.default_rng(seed).normal(0.0, 0.03, (2, n))
    return [(place[0] + e, place[1] + v) for e, v in zip(east, north, strict=True)]


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give a private study 1 and another's opened one 2, of six birds each; none has been yet."""
    flock = Flock(new_database())
    for number, visibility in ((1, "private"), (2, "open")):
        study = flock.study(flock.institute(f"institute {number}")[0], f"{number}", visibility)
        for name in "ABCDEF":
            flock.bird(study, name)
    return flock


@pytest_asyncio.fixture
async def trial(flock: Flock) -> AsyncIterator[Connection]:
    async with flock.trial() as conn:
        yield conn
    flock.run("delete from season_use")


async def find(conn: Connection, scope: str = "institute:1") -> list[dict[str, Any]]:
    made = await find_key_sites(conn, scope, simulated=False)
    await keysites.replace(conn, scope, made, simulated=False)
    return await execute(conn, SITES)


async def sample(conn: Connection) -> dict[str, Any]:
    (row,) = await execute(conn, "select * from key_sample")
    return row


async def test_a_shared_haunt_is_a_key_site_and_the_sample_is_told(flock, trial) -> None:
    for bird in range(1, 7):
        flock.season_use(1, bird, around(HAUNT, bird))
    (site,) = await find(trial)
    assert (site["species_key"], site["season"]) == ("white_naped_crane", "wintering")
    assert site["n_birds"] == site["n_birds_max"] == 6
    assert 60 < site["area_km2"] < 200
    told = await sample(trial)
    assert told["n_birds"] == 6 and told["sufficient"] and told["representativeness"] > 90
    assert (told["observed_days"], told["unobserved_days"]) == (30.0, 3.0)
    assert told["scale_m"] == 5_000.0
    (row,) = await execute(
        trial, "select st_isvalid(geom) as valid, st_area(geom::geography) / 1e6 as km2,"
        " st_contains(geom, st_setsrid(st_makepoint(127.2, 38.3), 4326)) as holds from key_site"
    )  # fmt: skip
    assert row["valid"] and row["holds"]
    assert row["km2"] == pytest.approx(site["area_km2"], rel=0.002)


async def test_haunts_of_single_birds_are_no_sites_and_the_sample_tells_so(flock, trial) -> None:
    for bird in range(1, 6):
        flock.season_use(1, bird, around((120.0 + bird, 40.0), bird))
    assert await find(trial) == []
    told = await sample(trial)
    assert not told["sufficient"] and told["birds_exceeded"] == 2.5


async def test_few_birds_are_not_judged_and_hours_of_the_hurried_count_for_nothing(
    flock, trial
) -> None:
    flock.season_use(1, 1, around(HAUNT, 1))
    flock.season_use(1, 2, around(HAUNT, 2))
    flock.season_use(1, 3, around(HAUNT, 3), n_hours=9)
    (site,) = await find(trial)
    told = await sample(trial)
    assert (told["n_birds"], told["representativeness"], told["sufficient"]) == (2, None, False)
    assert site["n_birds"] == 2


@pytest.mark.parametrize(("others", "birds"), [(0, 2), (2, 2), (3, 5)])
async def test_others_enter_by_their_public_places_and_in_groups(
    flock, trial, others, birds
) -> None:
    for bird in (1, 2):
        flock.season_use(1, bird, around(HAUNT, bird))
    for bird in range(7, 7 + others):
        # What is exact of them, or not yet released, no stranger's site is made of.
        flock.season_use(2, bird, around(HAUNT, bird), public=True, unobserved_s=None)
        flock.season_use(2, bird, around(OTHER, bird))
    (site,) = await find(trial)
    told = await sample(trial)
    assert (told["n_birds"], site["n_birds"]) == (birds, birds)
    assert (told["unobserved_days"] is None) == (birds > 2)


async def test_a_lone_bird_of_others_adds_to_no_cell(flock, trial) -> None:
    """Three of theirs are in the sample, two of them elsewhere: the third must not be found."""
    for bird in (1, 2):
        flock.season_use(1, bird, around(HAUNT, bird))
    for bird, place in ((7, HAUNT), (8, OTHER), (9, OTHER)):
        flock.season_use(2, bird, around(place, bird), public=True, unobserved_s=None)
    (site,) = await find(trial)
    assert (await sample(trial))["n_birds"] == 5
    assert (site["n_birds"], site["n_birds_max"]) == (2, 2)


async def test_what_is_not_released_is_in_no_site(flock, trial) -> None:
    for bird in range(7, 11):
        flock.season_use(2, bird, around(HAUNT, bird), public=True, release_at=UNRELEASED)
    assert await find(trial, "public") == []
    assert await execute(trial, "select 1 from key_sample") == []
    for bird in range(7, 11):
        flock.season_use(2, bird, around(HAUNT, bird), "2021-wintering", public=True)
    (site,) = await find(trial, "public")
    assert site["n_birds"] == 4


async def test_the_years_of_a_bird_are_one_bird(flock, trial) -> None:
    for year in range(2010, 2020):
        flock.season_use(1, 1, around(HAUNT, year), f"{year}-wintering")
    assert await find(trial) == []
    assert (await sample(trial))["n_birds"] == 1


async def test_no_site_crosses_a_border(flock, trial, monkeypatch) -> None:
    async def halves(_, lon, lat):
        return ["RU" if x > BORDER[0] else "CN" for x in lon]

    monkeypatch.setattr("app.pipeline.keysites.area_names", halves)
    for bird in (1, 2, 3):
        flock.season_use(1, bird, around(BORDER, bird))
    sites = await find(trial)
    assert {site["area"] for site in sites} == {"CN", "RU"}
    (row,) = await execute(
        trial,
        "select max(st_xmax(geom)) filter (where area = 'CN') as west,"
        " min(st_xmin(geom)) filter (where area = 'RU') as east from key_site",
    )
    assert row["west"] == pytest.approx(BORDER[0], abs=0.01)
    assert row["east"] == pytest.approx(BORDER[0], abs=0.01)


async def test_a_site_at_the_antimeridian_is_cut_there(flock, trial) -> None:
    for bird in (1, 2, 3):
        wrapped = [((x + 180) % 360 - 180, y) for x, y in around((180.0, 65.0), bird)]
        flock.season_use(1, bird, wrapped)
    sites = await find(trial)
    assert sum(site["area_km2"] for site in sites) > 40
    (row,) = await execute(
        trial, "select bool_and(st_isvalid(geom)) as valid, max(st_xmax(geom)) as east,"
        " min(st_xmin(geom)) as west from key_site"
    )  # fmt: skip
    assert (row["valid"], row["east"], row["west"]) == (True, 180.0, -180.0)


async def test_they_are_found_again_when_nothing_else_waits(new_database) -> None:
    flock = Flock(new_database())
    study = flock.study(flock.institute("own")[0], "Mine")
    for name in "AB":
        flock.season_use(study, flock.bird(study, name), around(HAUNT, len(name)))
    store = Store(flock.dsn, pool_size=2)
    try:
        async with store.write() as conn:
            await work.mark_key_sites_due(conn, study)
        await drain(store)
        assert flock.run("select scope, n_birds from key_site order by 1") == [
            ("institute:1", 2), ("operator", 2),
        ]  # fmt: skip
        assert flock.run("select * from key_site_due") == []
    finally:
        await store.close()
