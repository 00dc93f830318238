from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from app.movement.protection import State, class_of
from tests.api.served import as_key, served
from tests.store.flock import SPECIES, Flock, ref_of

KEY = as_key("flw_Amur")
SEASONS = ("2020-spring", "2020-autumn")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Twelve own birds of six families, whose areas are a fifth marsh and whose days a half."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    layer = flock.insert("layer", name="Cover", kind="polygons", source="survey",
                         classes='{"0": "marsh", "1": "crops"}', ref=ref_of("cover"))  # fmt: skip
    reserves = flock.insert("layer", name="Reserves", kind="protection", source="drawn",
                            classes='{"0": "Nature reserve"}', ref=ref_of("reserves"))  # fmt: skip
    studies = [flock.study(own, "Own"), flock.study(other, "Theirs", "open")]
    for number in range(12):
        bird = flock.bird(studies[0], f"B{number}")
        flock.run("update individual set terms = jsonb_build_object('animal-siblings', %s::text)"
                  " where id = %s", f"nest {number // 2}", bird)  # fmt: skip
        for season in SEASONS:
            _spent(flock, studies[0], bird, layer, season, {0: 1.0, 1: 0.5, -1: 0.5})
            _offered(flock, studies[0], bird, layer, season, {0: 0.2, 1: 0.8})
        later, holds = class_of({0: State.LATER}), class_of({0: State.IN_FORCE})
        _spent(flock, studies[0], bird, reserves, SEASONS[0], {later: 1.5, -1: 0.5})
        _offered(flock, studies[0], bird, reserves, SEASONS[0], {holds: 0.25, -1: 0.75})
        _spent(flock, studies[0], bird, layer, "2021-spring", {1: 9.0})  # of no measured area
    theirs = flock.bird(studies[1], "T")
    _spent(flock, studies[1], theirs, layer, SEASONS[0], {1: 50.0})
    _offered(flock, studies[1], theirs, layer, SEASONS[0], {0: 1.0})
    return flock


def _spent(flock, study, bird, layer, season, days) -> None:
    for number, bird_days in days.items():
        flock.insert(
            "use_day", individual_id=bird, layer_id=layer, class_id=number, study_id=study,
            day=f"{season[:4]}-{'03' if 'spring' in season else '10'}-01", kind="stopover",
            species_key=SPECIES, season=season, bird_days=bird_days,
            release_at="2021-01-01T00:00:00Z",
        )  # fmt: skip


def _offered(flock, study, bird, layer, season, shares) -> None:
    for number, share in shares.items():
        flock.insert(
            "available", individual_id=bird, layer_id=layer, class_id=number, study_id=study,
            season=season, species_key=SPECIES, method="akde", share=share,
        )  # fmt: skip


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _selection(client, key=None, **query) -> dict:
    query = {"layer": str(ref_of("cover"))} | query
    answer = await client.get("/api/v1/habitat/selection", params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_shares_and_indexes_by_class(client) -> None:
    found = await _selection(client, KEY)
    assert (found["n_birds"], found["n_families"], found["n_bird_seasons"]) == (12, 6, 24)
    assert found["bird_days"] == pytest.approx(48.0)
    rows = {row["name"]: row for row in found["items"]}
    assert set(rows) == {"marsh", "crops", "outside"}
    marsh = rows["marsh"]
    assert (marsh["used_share"], marsh["available_share"]) == pytest.approx((0.5, 0.2))
    assert marsh["jacobs"] == pytest.approx((0.5 - 0.2) / (0.5 + 0.2 - 2 * 0.5 * 0.2))
    assert marsh["manly"] == pytest.approx(2.5)
    assert marsh["jacobs_low"] == pytest.approx(marsh["jacobs_high"])  # all birds are alike
    assert rows["outside"]["manly"] is None
    for share in ("used_share", "available_share"):
        assert sum(row[share] for row in found["items"]) == pytest.approx(1.0)


async def test_one_bird_has_indexes_and_no_interval(client) -> None:
    bird = str(ref_of("bird", 1, "B0"))
    found = await _selection(client, KEY, individual=bird, season=SEASONS[0])
    assert (found["n_birds"], found["n_bird_seasons"]) == (1, 1)
    assert all(row["jacobs_low"] is None and row["manly_high"] is None for row in found["items"])


async def test_designations_are_compared_as_they_hold_today(client) -> None:
    found = await _selection(client, KEY, layer=str(ref_of("reserves")))
    rows = {row["name"]: (row["used_share"], row["available_share"]) for row in found["items"]}
    assert rows["Nature reserve"] == pytest.approx((0.75, 0.25))
    assert rows["unprotected"] == pytest.approx((0.25, 0.75))


async def test_areas_of_others_are_not_told_of(client) -> None:
    assert (await _selection(client))["items"] == []
    theirs = await _selection(client, as_key("flw_Baikal"))
    assert (theirs["n_birds"], theirs["bird_days"]) == (1, 50.0)


async def test_days_and_boxes_are_refused(client) -> None:
    for query in ({"bbox": "1,2,3,4"}, {"datetime": "2020-03-01"}):
        answer = await client.get(
            "/api/v1/habitat/selection", params={"layer": str(ref_of("cover"))} | query
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "bbox-not-here")
