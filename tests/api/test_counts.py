from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import Flock, ref_of

AMUR, SEOUL = as_key("flw_Amur"), as_key("flw_Seoul")
COUNT = {
    "date": "2025-01-14", "species": "Antigone vipio", "n": 41, "method": "roost",
    "counted_by": "Kim J.", "source": "census 2025",
}  # fmt: skip


def address(scope: str, name: str) -> str:
    return f"/api/v1/sites/{ref_of('site', scope, name)}/counts"


HERE = address("institute:1", "Cheorwon Basin")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give two institutes and the public, each with a catalogue of a named and a found site."""
    flock = Flock(new_database())
    for name in ("Amur", "Seoul"):
        flock.institute(name)
    for scope in ("institute:1", "institute:2", "public"):
        flock.site(scope, "Cheorwon Basin", 127.2, 38.2)
        flock.site(scope, "Unnamed", 126.0, 37.0, named=False)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client
    flock.run("delete from site_count")


async def test_a_count_is_kept_with_the_thresholds_of_its_species(client) -> None:
    answer = await client.post(HERE, headers=AMUR, json=COUNT)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["species"], told["n"], told["site"]) == ("white_naped_crane", 41, "Cheorwon Basin")
    assert (told["recorded_by"], told["open"], told["retracted_at"]) == ("Amur", False, None)
    (threshold,) = told["thresholds"]
    assert (threshold["one_percent"], threshold["reached"]) == (37, True)
    assert threshold["source"]
    more = {**COUNT, "species": "Grus japonensis", "n": 16}
    red = (await client.post(HERE, headers=AMUR, json=more)).json()["thresholds"]
    assert [(t["region"], t["one_percent"], t["reached"]) for t in red] == [
        ("wintering in Korea", 17, False)
    ]
    unknown = await client.post(HERE, headers=AMUR, json={**COUNT, "species": "Grus virgo"})
    assert unknown.json()["thresholds"] == []


async def test_others_read_open_counts_of_named_sites_alone(client) -> None:
    await client.post(HERE, headers=AMUR, json=COUNT)
    await client.post(HERE, headers=AMUR, json={**COUNT, "n": 50, "open": True})
    await client.post(address("institute:1", "Unnamed"), headers=AMUR, json={**COUNT, "open": True})
    own = (await client.get(HERE, headers=AMUR)).json()["items"]
    assert [count["n"] for count in own] == [50, 41]
    for scope, headers in (("institute:2", SEOUL), ("public", {})):
        seen = (await client.get(address(scope, "Cheorwon Basin"), headers=headers)).json()
        assert [count["n"] for count in seen["items"]] == [50]
        none = (await client.get(address(scope, "Unnamed"), headers=headers)).json()
        assert none["items"] == []


async def test_a_count_is_taken_back_by_its_institute_and_stays_to_be_read_by_it(client) -> None:
    made = (await client.post(HERE, headers=AMUR, json={**COUNT, "open": True})).json()
    theirs = f"{address('institute:2', 'Cheorwon Basin')}/{made['id']}"
    assert (await client.delete(theirs, headers=SEOUL)).status_code == 404
    gone = await client.delete(f"{HERE}/{made['id']}", headers=AMUR)
    assert gone.json()["retracted_by"] == "Amur"
    assert (await client.delete(f"{HERE}/{made['id']}", headers=AMUR)).status_code == 404
    (kept,) = (await client.get(HERE, headers=AMUR)).json()["items"]
    assert kept["retracted_at"] is not None and kept["n"] == 41
    seen = await client.get(address("institute:2", "Cheorwon Basin"), headers=SEOUL)
    assert seen.json()["items"] == []


async def test_a_simulated_site_of_the_same_name_makes_no_second_count(client, flock) -> None:
    twin = flock.site("institute:1", "Cheorwon Basin", 127.2, 38.2, simulated=True, ref=ref_of("x"))
    await client.post(HERE, headers=AMUR, json=COUNT)
    found = (await client.get(HERE, headers=AMUR)).json()["items"]
    assert [(count["site"], count["n"]) for count in found] == [("Cheorwon Basin", 41)]
    flock.run("delete from site where id = %s", twin)


async def test_a_count_follows_its_site_through_every_merger(client, flock) -> None:
    scope, between = "institute:1", ref_of("between")
    first = flock.site(scope, "First", 126.0, 37.0, named=False)
    flock.site(scope, "Last", 126.0, 37.0, named=False)
    await client.post(address(scope, "First"), headers=AMUR, json=COUNT)
    flock.run("delete from site where id = %s", first)
    refs = [ref_of("site", scope, "First"), between, ref_of("site", scope, "Last")]
    for origin, target in pairwise(refs):
        flock.insert("site_change", scope=scope, simulated=False, kind="merged", shared_days=1.0,
                     from_ref=origin, from_name="", to_ref=target, to_name="")  # fmt: skip
    found = (await client.get(address(scope, "Last"), headers=AMUR)).json()["items"]
    assert [count["n"] for count in found] == [41]


async def test_counts_come_in_pages(client) -> None:
    for n in range(3):
        await client.post(HERE, headers=AMUR, json={**COUNT, "n": n})
    first = (await client.get(HERE, headers=AMUR, params={"limit": 2})).json()
    rest = (await client.get(first["next"], headers=AMUR)).json()
    assert [c["n"] for c in (*first["items"], *rest["items"])] == [2, 1, 0]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "change", [{"n": -1}, {"n": 1.5}, {"date": "2999-01-01"}, {"species": "dodo"},
               {"method": "guess"}, {"extra": 1}],
)  # fmt: skip
async def test_what_is_no_count_is_refused(client, change) -> None:
    answer = await client.post(HERE, headers=AMUR, json=COUNT | change)
    assert answer.status_code == 422


async def test_sites_of_others_and_the_public_take_no_count(client) -> None:
    foreign = address("institute:2", "Cheorwon Basin")
    assert (await client.post(foreign, headers=AMUR, json=COUNT)).status_code == 404
    public = address("public", "Cheorwon Basin")
    assert (await client.post(public, json=COUNT)).status_code == 401
