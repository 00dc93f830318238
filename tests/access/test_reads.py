"""Non-interference: what the public reads is the same, byte for byte, with what it may not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.access.withheld import foreign, open_world, unreleased
from tests.api.served import served
from tests.store.flock import Flock, ref_of

PATHS = [
    *(
        f"/feeds/{name}.geojson"
        for name in ("positions", "tracks", "stopovers", "sites", "flyways")
    ),
    *(
        f"/tiles/{name}/{spot}.pbf"
        for name in ("tracks", "stopovers", "sites", "flyways", "density")
        for spot in ("0/0/0", "6/53/22", "7/106/45")
    ),
    *(f"/tiles/{name}.json" for name in ("sites", "density")),
    "/styles/flyways.json",
    "/feeds/stopovers.geojson?limit=1",
    "/feeds/positions.geojson?bbox=120,45,121,46",
    "/feeds/tracks.geojson?bbox=120,45,121,46",
    "/feeds/flyways.geojson?individual={bird}",
    "/feeds/fixes.geojson?individual={bird}",
    "/feeds/fixes.geojson?individual={hidden_bird}",
    "/feeds/fixes.geojson?individual={bird}&bbox=120,45,121,46",
    "/feeds/sites.geojson?season=2020-spring",
    "/api/v1/stopovers",
    "/api/v1/stopovers?limit=1",
    "/api/v1/stopovers/{stopover}",
    "/api/v1/stopovers?bbox=120,45,121,46",
    "/api/v1/stopovers?species=nobody",
    "/api/v1/legs",
    "/api/v1/legs?limit=1",
    "/api/v1/seasons",
    "/api/v1/individuals/{bird}/seasons",
    "/api/v1/individuals/{bird}/track",
    "/api/v1/individuals/{bird}/utilisation",
    "/api/v1/individuals/{bird}/utilisation?method=dbb&levels=50&season=2000-spring",
    "/api/v1/individuals/{hidden_bird}/utilisation",
    "/api/v1/individuals/{bird}/plot.svg",
    "/api/v1/fixes?individual={bird}",
    "/api/v1/sites",
    "/api/v1/sites/{site}",
    "/api/v1/flyways",
    "/api/v1/flyways/white_naped_crane:spring",
    "/api/v1/flyways/hooded_crane:spring",
    "/api/v1/flyways/white_naped_crane:spring/connectivity",
    "/api/v1/flyways/white_naped_crane:spring/connectivity?by=area",
    "/api/v1/sites/{site}/loss",
    "/api/v1/sites/{site}/utilisation",
    "/api/v1/species/white_naped_crane/utilisation",
    "/api/v1/habitat/selection?layer={layer}",
    "/api/v1/habitat/use?layer={layer}&by=season&per=individual",
    "/api/v1/habitat/use?layer={layer}&by=season&per=species",
    "/api/v1/habitat/layers",
    "/api/v1/habitat/use?layer={layer}&by=class",
    "/api/v1/habitat/use?layer={layer}&by=season",
    "/api/v1/habitat/use?by=individual",
    "/api/v1/tags",
    "/api/v1/tags?undeployed=true",
    "/api/v1/tags/{hidden_tag}",
    "/api/v1/tags/{hidden_tag}/statistics",
    "/api/v1/readings?tag={hidden_tag}",
    "/api/v1/readings?tag={tag}",
    "/api/v1/tags/{tag}/statistics",
    "/api/v1/sources/{hidden_source}/statistics",
    "/api/v1/stopovers/{hidden}",
    "/api/v1/individuals/{hidden_bird}/track",
    "/api/v1/sites/{hidden}",
]


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    return open_world(new_database())


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _answers(flock: Flock, client: httpx2.AsyncClient) -> dict[str, object]:
    named = {
        "bird": flock.run("select ref from individual order by id")[0][0],
        "stopover": flock.run("select ref from stopover order by id")[0][0],
        "site": ref_of("site", "public", "Here"),
        "layer": ref_of("layer"),
        "hidden": ref_of("hidden"),
        "hidden_bird": ref_of("hidden bird"),
        "tag": ref_of("tag", "of the open study"),
        "hidden_tag": ref_of("tag", "Secret tag"),
        "hidden_source": ref_of("hidden source"),
    }
    found = {}
    for path in PATHS:
        answer = await client.get(path.format(**named), headers={"X-Request-ID": "same"})
        found[path] = (answer.status_code, sorted(answer.headers.items()), answer.content)
    return found


async def test_the_public_reads_no_other_bytes_for_what_it_may_not_know(flock, client) -> None:
    """What another institute reads `test_walk` tells."""
    before = await _answers(flock, client)
    foreign(flock)
    unreleased(flock)
    after = await _answers(flock, client)
    assert sum(status == 200 for status, _, _ in before.values()) >= 24
    for path, answer in before.items():
        assert after[path] == answer, path
    await _the_secret_is_there_for_its_owner(client)


async def _the_secret_is_there_for_its_owner(client: httpx2.AsyncClient) -> None:
    """Without this the test could pass on an empty table."""
    headers = {"Authorization": "Bearer flw_Foreign"}
    for name in ("positions", "tracks", "stopovers", "sites"):
        answer = await client.get(f"/feeds/{name}.geojson", headers=headers)
        assert "120.7654321" in answer.text, name
    bird = ref_of("hidden bird")
    areas = await client.get(f"/api/v1/individuals/{bird}/utilisation?levels=50", headers=headers)
    assert "120.7654321" in areas.text
    tag = ref_of("tag", "Secret tag")
    for path, told in (
        (f"readings?tag={tag}", '"battery_v":3.21'),
        (f"tags/{tag}/statistics", '"n_fixes":1,'),
        ("tags?undeployed=true", '"n_fixes":1,'),
    ):
        assert told in (await client.get(f"/api/v1/{path}", headers=headers)).text, path
    for name in ("tracks", "stopovers", "sites", "density"):
        secret = await client.get(f"/tiles/{name}/7/106/45.pbf", headers=headers)
        public = await client.get(f"/tiles/{name}/7/106/45.pbf")
        assert len(secret.content) > len(public.content), name


async def _found(client: httpx2.AsyncClient, box: tuple[float, ...]) -> bool:
    text = ",".join(map(str, box))
    answer = await client.get("/feeds/stopovers.geojson", params={"bbox": text})
    return answer.json()["numberReturned"] > 0


async def test_bisection_finds_the_cell_and_never_the_nest(flock, client) -> None:
    """28 halvings of a box: the best guess stays at the centre of the grid's cell."""
    west, south, east, north = 120.0, 30.0, 130.0, 40.0
    for step in range(28):
        if step % 2:
            middle = (south + north) / 2
            south, north = (
                (south, middle)
                if await _found(client, (west, south, east, middle))
                else (middle, north)
            )
        else:
            middle = (west + east) / 2
            west, east = (
                (west, middle)
                if await _found(client, (west, south, middle, north))
                else (middle, east)
            )
    assert (west + east) / 2 == pytest.approx(127.1, abs=0.001)
    assert (south + north) / 2 == pytest.approx(38.2, abs=0.001)


async def test_averaging_many_answers_gives_the_cell_alone(flock, client) -> None:
    nest = (127.1432, 38.2432)
    (study,), (bird,) = (flock.run(f"select id from {t} order by id")[0]
                         for t in ("study", "individual"))  # fmt: skip
    for day in range(30, 60, 5):
        wobble = (day - 45) / 10_000
        flock.stopover(study, bird, day, lon=nest[0] + wobble, lat=nest[1] - wobble)
    flock.run("update study set version = version + 1")
    answer = await client.get(
        "/feeds/stopovers.geojson", params={"datetime": "2020-03-31T00:00:00Z/.."}
    )
    places = [f["geometry"]["coordinates"] for f in answer.json()["features"]]
    assert len(places) == 6
    mean = [sum(axis) / len(axis) for axis in zip(*places, strict=True)]
    assert mean == pytest.approx([127.1, 38.2])
