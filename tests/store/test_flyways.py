"""Flyways: connections and corridors of the reader's own catalogue, and what they add up to."""

from __future__ import annotations

import orjson
import pytest

from app.store import flyways
from app.store.engine import execute
from app.store.sight import Box, Filters
from tests.store.flock import SPECIES, ref_of
from tests.store.herd import NOBODY, OPERATOR, OWNER, PUBLIC

READERS = (OPERATOR, OWNER, PUBLIC)


@pytest.fixture(scope="module")
def flock(herd):
    return herd


async def parts(conn, audience, filters=Filters()):  # noqa: B008 - frozen
    return [orjson.loads(f.text) for f in await flyways.feed(conn, audience, filters, fetch=50)]


def kinds(found):
    return sorted((f["properties"]["part"], f["properties"]["season"]) for f in found)


@pytest.mark.parametrize("audience", READERS, ids=lambda each: each.scope)
async def test_each_class_reads_its_own_catalogue(trial, audience):
    await execute(trial, "delete from connection where scope = :s", {"s": audience.scope})
    assert kinds(await parts(trial, audience)) == [("corridor", "spring")] * 2
    for other in set(READERS) - {audience}:
        assert len(await parts(trial, other)) == 5
        for feature in await parts(trial, other):
            name = feature["properties"]["from_name"]
            assert name is None or name.endswith(f" of {other.scope}")


async def test_a_class_without_a_catalogue_reads_nothing(trial):
    await execute(trial, "delete from site_visit")
    for table in ("corridor", "connection", "site"):
        await execute(trial, f"delete from {table} where scope = 'public'")
    assert await flyways.page(trial, NOBODY, Filters(), fetch=9) == []
    assert await parts(trial, PUBLIC) == []


@pytest.mark.parametrize(
    ("filters", "n"),
    [
        (Filters(), 5),
        (Filters(species="hooded_crane"), 1),
        (Filters(species="unheard_of"), 0),
        (Filters(season="2020-spring"), 4),
        (Filters(season="1999-autumn"), 1),
        (Filters(individual=ref_of("bird", 1, "A")), 4),
        (Filters(study=ref_of("study", "2")), 4),
        (Filters(study=ref_of("none")), 0),
        (Filters(study=ref_of("study", "2"), species="hooded_crane"), 0),
        (Filters(box=Box(-180, 30, -178.5, 45)), 1),
        (Filters(box=Box(120.5, 44, 121, 45)), 2),
        (Filters(box=Box(0, 0, 1, 1)), 0),
    ],
)
async def test_filters_narrow_the_parts(trial, filters, n):
    assert len(await parts(trial, OPERATOR, filters)) == n


async def test_a_filter_tells_strangers_no_more_than_the_rows_they_see(trial):
    """A bird of a private study, or one not yet released, is as one that is not there."""
    for hidden in (Filters(individual=ref_of("bird", 1, "A")), Filters(study=ref_of("study", "1"))):
        assert await parts(trial, PUBLIC, hidden) == []
        assert await flyways.page(trial, PUBLIC, hidden, fetch=9) == []
    seen = Filters(individual=ref_of("bird", 2, "A"))
    assert len(await parts(trial, PUBLIC, seen)) == 4
    await execute(trial, "update stopover set release_at = '2099-01-01Z' where individual_id = 3")
    assert await parts(trial, PUBLIC, seen) == []


async def test_a_line_is_a_great_circle_and_stays_on_the_map(trial):
    found = {f["id"]: f for f in await parts(trial, OPERATOR)}
    ends = [ref_of("site", "operator", f"{name} of operator") for name in "ABC"]
    line = found[f"{SPECIES}:spring:{ends[0]}:{ends[1]}"]["geometry"]["coordinates"]
    assert (line[0], line[-1]) == ([127.1, 38.2], [120.0, 38.2])
    assert len(line) >= 7 and max(lat for _, lat in line) > 38.24  # it bows to the pole
    across = found[f"hooded_crane:spring:{ends[0]}:{ends[2]}"]["geometry"]
    assert across["type"] == "MultiLineString"
    assert all(abs(lon) <= 180 for part in across["coordinates"] for lon, _ in part)


@pytest.mark.parametrize("size", [1, 2])
async def test_pages_join_to_the_whole(trial, size):
    async def joined(read, key):
        found, after = [], None
        while page := await read(trial, OWNER, Filters(), fetch=size, after=after):
            found += page
            after = key(page[-1])
        return found

    whole = await flyways.feed(trial, OWNER, Filters(), fetch=50)
    assert await joined(flyways.feed, lambda feature: feature.key) == whole and len(whole) == 5
    rows = await flyways.page(trial, OWNER, Filters(), fetch=50)
    key = ("species", "season", "simulated")
    assert await joined(flyways.page, lambda row: tuple(row[k] for k in key)) == rows


async def test_a_flyway_adds_up_its_parts(trial):
    rows = await flyways.page(trial, OPERATOR, Filters(), fetch=9)
    assert [
        (r["species"], r["season"], r["n_connections"], r["n_passages"], r["n_birds_max"],
         r["corridor_50_km2"], r["corridor_95_km2"]) for r in rows
    ] == [
        ("hooded_crane", "spring", 1, 5, 3, None, None),
        (SPECIES, "autumn", 1, 5, 3, None, None),
        (SPECIES, "spring", 1, 5, 5, 500.0, 950.0),
    ]  # fmt: skip


async def test_a_box_does_not_narrow_a_list_of_flyways(trial):
    everywhere = await flyways.page(trial, OPERATOR, Filters(), fetch=9)
    boxed = await flyways.page(trial, OPERATOR, Filters(box=Box(0, 0, 1, 1)), fetch=9)
    assert everywhere == boxed


async def test_a_simulated_flyway_is_a_flyway_of_its_own(trial):
    await execute(trial, "update corridor set simulated = true where scope = 'operator'")
    rows = await flyways.page(trial, OPERATOR, Filters(species=SPECIES), fetch=9)
    assert [(r["season"], r["simulated"], r["n_connections"]) for r in rows] == [
        ("autumn", False, 1), ("spring", False, 1), ("spring", True, 0),
    ]  # fmt: skip
    asked = {"species": SPECIES, "season": "spring"}
    assert len(await flyways.route(trial, OPERATOR, **asked, simulated=True)) == 2
    assert len(await flyways.route(trial, OPERATOR, **asked, simulated=False)) == 3


@pytest.mark.parametrize("audience", READERS, ids=lambda each: each.scope)
async def test_a_route_is_its_sites_and_then_what_joins_them(trial, audience):
    found = [
        orjson.loads(feature.text)
        for feature in await flyways.route(
            trial, audience, species=SPECIES, season="spring", simulated=False
        )
    ]
    told = [(f["properties"]["part"], f["properties"].get("name")) for f in found]
    names = [f"{name} of {audience.scope}" for name in "AB"]
    assert told == [("site", names[0]), ("site", names[1]), ("connection", None),
                    ("corridor", None), ("corridor", None)]  # fmt: skip
    assert [f["properties"]["level"] for f in found[3:]] == [50, 95]


async def test_a_flyway_that_is_not_there_has_no_parts(trial):
    for species, season in (("hooded_crane", "autumn"), ("unheard_of", "spring")):
        asked = {"species": species, "season": season, "simulated": False}
        assert await flyways.route(trial, OPERATOR, **asked) == []
