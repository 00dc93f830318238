"""Tracks in parts: cut at silences and at the antimeridian, joined again they are the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx2
import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from app.api.tracks import GEOJSON, MF_JSON, cut_lines, parts_of
from app.movement.profile import GAP_MAX_S
from tests.api.served import as_key, served
from tests.store.flock import START, Flock, ref_of

KEY = as_key("flw_Amur")
HOURS = 130

PLACES = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=12)
STEPS = st.lists(st.sampled_from([1, 3600, GAP_MAX_S, GAP_MAX_S + 1, 10 * GAP_MAX_S]), max_size=11)


@given(PLACES)
def test_cut_lines_lose_no_point_and_never_leap_the_globe(places):
    at = np.array(places)
    lines = cut_lines(at)
    edges = 0
    for before, after in pairwise(lines):
        assert before[-1][0] == -after[0][0] and abs(after[0][0]) == 180.0
        assert before[-1][1] == after[0][1]
        edges += 2
    points = [point for line in lines for point in line]
    assert len(points) == len(places) + edges
    kept = iter(points)
    assert all(any(point == list(place) for point in kept) for place in places)
    for line in lines:
        assert (np.abs(np.diff(np.array(line)[:, 0])) <= 180).all()


@given(STEPS)
def test_parts_hold_every_fix_once_and_are_silent_between(steps):
    times = [datetime(2020, 1, 1, tzinfo=UTC)]
    for step in steps:
        times.append(times[-1] + timedelta(seconds=step))
    at = np.zeros((len(times), 2))
    parts = parts_of(times, at)
    assert [t for observed, part, _ in parts if observed for t in part] == times
    for observed, part, places in parts:
        assert len(part) == len(places)
        gaps = [(b - a).total_seconds() for a, b in pairwise(part)]
        assert all((gap > GAP_MAX_S) is not observed for gap in gaps)
        assert observed or len(part) == 2
    assert parts_of([], np.zeros((0, 2))) == []


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """A bird with a fix every ten minutes: more in a day than the least page holds."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes")
    bird = flock.bird(study, "WNC-17")
    tag = flock.insert("tag", study_id=study, local_identifier="17", ref=ref_of("tag"))
    flock.run(
        "insert into deployment (study_id, tag_id, individual_id, during, declared)"
        " values (%s, %s, %s, tstzrange(null, null), true)",
        study, tag, bird,
    )  # fmt: skip
    flock.run(
        "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon, lat,"
        " error_m) select %s, %s + n * interval '10 minutes', 0, n, %s, 1, true, 127, 38, 15"
        " from generate_series(0, 400) n",
        tag, START.replace(hour=0, minute=0, second=0), study,
    )  # fmt: skip
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def walk(client: httpx2.AsyncClient, **query: str | int) -> list[str]:
    """Follow the links of a track to its end; return its times, without those that join pages."""
    answer = await client.get(f"/api/v1/individuals/{ref_of('bird', 1, 'WNC-17')}/track",
                              params=query, headers=KEY)  # fmt: skip
    times: list[str] = []
    for _ in range(20):
        assert answer.status_code == 200, answer.text
        page = answer.json()
        new = [t for f in page["features"] for t in f["properties"]["times"]]
        assert not times or new[0] == times[-1]
        times += new[1:] if times else new
        if not page["links"]:
            return times
        (link,) = page["links"]
        assert f'<{link["href"]}>; rel="next"' in answer.headers["link"]
        answer = await client.get(link["href"], headers=KEY)
    raise AssertionError("the links never end")


@pytest.mark.parametrize(
    ("asked", "n"),
    [
        (None, 401),
        ("2020-03-01", 144),
        ("2020-03-01/2020-03-02", 288),
        ("2020-03-02T00:00:00Z/..", 257),
        ("../2020-03-02T09:00:00+09:00", 145),
        ("2020-03-01T00:00:00Z", 1),
    ],
)
async def test_a_track_ends_where_it_was_asked_to(client, asked, n) -> None:
    times = await walk(client, limit=100, **({"datetime": asked} if asked else {}))
    assert len(times) == n
    assert times == sorted(set(times))


@pytest.mark.parametrize("accept", [GEOJSON, MF_JSON, "*/*", "text/html"])
async def test_links_and_answers_are_of_one_kind(client, accept) -> None:
    answer = await client.get(
        f"/api/v1/individuals/{ref_of('bird', 1, 'WNC-17')}/track",
        params={"limit": 100},
        headers=KEY | {"Accept": accept},
    )
    kind = MF_JSON if accept == MF_JSON else GEOJSON
    assert answer.headers["content-type"] == kind
    assert answer.json()["links"][0]["type"] == kind
    assert "accept" in answer.headers["vary"].lower().split(", ")


async def test_a_current_copy_of_a_track_is_not_sent_again(client) -> None:
    path = f"/api/v1/individuals/{ref_of('bird', 1, 'WNC-17')}/track"
    first = await client.get(path, headers=KEY)
    held = KEY | {"If-None-Match": first.headers["etag"]}
    again = await client.get(path, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    moving = await client.get(path, headers=held | {"Accept": MF_JSON})
    assert moving.status_code == 200 and moving.headers["etag"] != first.headers["etag"]


async def test_a_smoothed_track_says_how_sure_each_place_is(flock, client) -> None:
    """One Argos fix among GPS fixes: only that one is moved, every one has its ellipse."""
    time = START.replace(hour=0, minute=0, second=0) + timedelta(minutes=5)
    flock.run(
        "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon, lat,"
        " error_m) select tag_id, %s, 1, 0, study_id, 1, true, 127.3, 38, 5000 from fix limit 1",
        time,
    )
    flock.run(
        "insert into smoothed_fix (individual_id, study_id, time, lon, lat, sd_major_m,"
        " sd_minor_m, orientation_deg, weight, parameters)"
        " select individual_id, study_id, %s, 127.01, 38.01, 100, 50, 90, 0.5, 'x' from deployment",
        time,
    )
    try:
        for accept in (GEOJSON, MF_JSON):
            await _check_smoothed(client, accept)
    finally:
        flock.run("delete from fix where sensor = 1")
        flock.run("delete from smoothed_fix")


async def _check_smoothed(client: httpx2.AsyncClient, accept: str) -> None:
    path = f"/api/v1/individuals/{ref_of('bird', 1, 'WNC-17')}/track"
    asked = {"limit": 100, "smoothed": "true"}
    answer = await client.get(path, params=asked, headers=KEY | {"Accept": accept})
    (feature,) = answer.json()["features"]
    if accept == GEOJSON:
        at, ellipses = feature["geometry"]["coordinates"], feature["properties"]["error_ellipses"]
    else:
        at = feature["temporalGeometry"]["coordinates"]
        (told,) = feature["temporalProperties"]
        names = ("error_semi_major", "error_semi_minor", "error_orientation")
        ellipses = list(zip(*(told[name]["values"] for name in names), strict=True))
    assert at[:3] == [[127, 38], [127.01, 38.01], [127, 38]]
    assert [list(map(float, e)) for e in ellipses[:2]] == [[36.7, 36.7, 0], [244.8, 122.4, 90]]
    assert len(ellipses) == len(at) == 100
    assert "smoothed=true" in answer.json()["links"][0]["href"]
    raw = await client.get(path, params={"limit": 100}, headers=KEY | {"Accept": accept})
    assert "127.3" in raw.text
    assert "error" not in raw.text
    nobody = await client.get(path, params=asked)
    assert nobody.status_code == 404 or nobody.json()["features"] == []
