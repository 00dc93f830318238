"""Non-interference: what the public reads is the same, byte for byte, with what it may not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import served
from tests.store.flock import UNRELEASED, Flock, ref_of

SECRET = (120.7654321, 45.1234567)
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
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Open", "open")
    layer = flock.insert("layer", name="Land", kind="polygons", classes='{"0": "marsh"}',
                         source="own", ref=ref_of("layer"))  # fmt: skip
    for name in ("A", "B", "C"):
        bird = flock.bird(study, name)
        _derive(flock, study, bird, layer, (127.1, 38.2), days=(0, 6))
    here = flock.site("public", "Here", 127.1, 38.2)
    flock.connection("public", (here, flock.site("public", "There", 115.1, 49.7)))
    flock.corridor("public")
    for (stay,) in flock.run("select id from stopover"):
        flock.insert("site_visit", site_id=here, stopover_id=stay)
    return flock


def _derive(
    flock: Flock, study: int, bird: int, layer: int, place: tuple[float, float], days, **more
) -> None:
    lon, lat = place
    for day in days:
        flock.stopover(study, bird, day, lon=lon, lat=lat, **more)
        flock.leg(study, bird, day, from_lon=lon, from_lat=lat, **more)
        for public in (False, True):
            flock.density(study, bird, place, 5, public=public, month=f"2020-{day + 1:02}-01",
                          **more)  # fmt: skip
        flock.public_fix(study, bird, 24 * day, (round(lon, 1), round(lat, 1)), **more)
        flock.season(study, bird, f"{2000 + day}-spring", **more)
        for method in ("akde", "dbb"):
            flock.utilisation(study, bird, f"{2000 + day}-spring", 50, place, method=method)
        for public in (False, True):
            flock.season_use(study, bird, [place] * 3, f"{2000 + day}-spring", public=public,
                             **more)  # fmt: skip
        common = {
            "individual_id": bird, "day": f"2020-03-{day + 1:02}", "kind": "stopover",
            "study_id": study, "species_key": "white_naped_crane", "season": "2020-spring",
            "bird_days": 0.75, "release_at": more.get("release_at", "2021-01-01T00:00:00Z"),
        }  # fmt: skip
        flock.insert("presence_day", **common)
        flock.insert("use_day", layer_id=layer, class_id=0, **common)
        flock.insert("available", individual_id=bird, season=f"{2000 + day}-spring", share=1.0,
                     layer_id=layer, class_id=0, study_id=study, species_key="white_naped_crane",
                     method="akde")  # fmt: skip


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _answers(
    flock: Flock, client: httpx2.AsyncClient, who: dict[str, str]
) -> dict[str, object]:
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
        answer = await client.get(path.format(**named), headers={"X-Request-ID": "same", **who})
        found[path] = (answer.status_code, sorted(answer.headers.items()), answer.content)
    return found


def _foreign(flock: Flock) -> None:
    """Add a whole private study of another institute, catalogue, layer and all."""
    institute, _ = flock.institute("Foreign")
    study = flock.study(institute, "Private")
    layer = flock.insert("layer", name="Secret", kind="polygons", classes="{}", source="own",
                         study_id=study)  # fmt: skip
    bird = flock.bird(study, "Secret")
    flock.run("update individual set ref = %s where id = %s", ref_of("hidden bird"), bird)
    flock.latest_fix(study, bird, SECRET)
    flock.track_part(study, bird, f"MULTILINESTRING(({SECRET[0]} {SECRET[1]},121 46))")
    _derive(flock, study, bird, layer, SECRET, days=(1, 9))
    flock.insert("source", study_id=study, name="gate", scheme="token", secrets=[b"x"],
                 ref=ref_of("hidden source"))  # fmt: skip
    _send(flock, study, flock.tag(study, "Secret tag"))
    scope = f"institute:{institute}"
    site = flock.site(scope, "Secret place", *SECRET, ref=ref_of("hidden"))
    flock.connection(scope, (site, site))
    flock.corridor(scope)


def _send(flock: Flock, study: int, tag: int) -> None:
    """Add a fix and a reading of a tag, which only its owner may learn of."""
    push = flock.insert("push", study_id=study, digest=b"secret", size_bytes=1)
    made = flock.insert("decoding", study_id=study, push_id=push, number=1, tz="UTC")
    flock.fix(study, tag, 1, SECRET, decoding_id=made)
    flock.insert("reading", tag_id=tag, time=UNRELEASED.replace(year=2020), sensor=0, variant=1,
                 study_id=study, decoding_id=made, battery_v=3.21)  # fmt: skip


def _unreleased(flock: Flock) -> None:
    """Add rows of the opened study that are withheld or not yet released."""
    (study,), (bird,), (layer,) = (
        flock.run(f"select id from {table} order by id")[0]
        for table in ("study", "individual", "layer")
    )
    _derive(flock, study, bird, layer, SECRET, days=(10, 11), release_at=UNRELEASED)
    flock.stopover(study, bird, 20, kind="breeding", public_lon=None, public_lat=None,
                   lon=SECRET[0], lat=SECRET[1])  # fmt: skip
    _send(flock, study, flock.tag(study, "of the open study", bird))
    flock.latest_fix(study, bird, SECRET)
    flock.track_part(study, bird, f"MULTILINESTRING(({SECRET[0]} {SECRET[1]},121 46))")
    site = flock.run("select id from site where name = 'Here' and scope = 'public'")[0][0]
    for (stay,) in flock.run("select id from stopover where lon = %s", SECRET[0]):
        flock.run("insert into site_visit values (%s, %s) on conflict do nothing", site, stay)
    flock.run("update study set version = version + 1")


async def test_nobody_reads_other_bytes_for_what_it_may_not_know(flock, client) -> None:
    """Neither the public nor another institute, with a key and nothing of its own."""
    flock.institute("Other")
    callers = ({}, {"Authorization": "Bearer flw_Other"})
    before = [await _answers(flock, client, who) for who in callers]
    _foreign(flock)
    _unreleased(flock)
    after = [await _answers(flock, client, who) for who in callers]
    for first, then in zip(before, after, strict=True):
        assert sum(status == 200 for status, _, _ in first.values()) >= 24
        for path, answer in first.items():
            assert then[path] == answer, path
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
