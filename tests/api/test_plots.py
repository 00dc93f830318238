"""Plots over HTTP: an owner's fixes as they are, an opened study's released positions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import Flock, ref_of

KEY = as_key("flw_Amur")
MISSING = "/api/v1/individuals/0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11/plot.svg"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """A study opened, its bird with twenty fixes and two released positions; another, private."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    for name, visibility in (("Cranes", "open"), ("Hidden", "private")):
        study = flock.study(institute, name, visibility)
        bird = flock.bird(study, name)
        tag = flock.tag(study, name, bird)
        for hour in range(20):
            flock.fix(study, tag, hour, (127.0 + hour / 100, 38.0))
        flock.stopover(study, bird)
        flock.season(study, bird)
        for method in ("kde", "akde"):
            for level in (50, 95):
                flock.utilisation(study, bird, level=level, method=method)
        flock.utilisation(study, bird, "2020-autumn", method="kde")
        flock.utilisation(study, bird, "2020-autumn", method="dbb")
        for hour in (0, 24):
            flock.public_fix(study, bird, hour, (127.1, 38.2))
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


def path_of(flock: Flock, name: str) -> str:
    ((ref,),) = flock.run("select ref from individual where local_identifier = %s", name)
    return f"/api/v1/individuals/{ref}/plot.svg"


async def test_the_owner_sees_every_fix_and_the_public_what_is_released(flock, client) -> None:
    own = await client.get(path_of(flock, "Cranes"), headers=KEY)
    assert own.status_code == 200, own.text
    assert own.headers["content-type"] == "image/svg+xml"
    assert "script" not in own.headers["content-security-policy"]
    assert "20 visible fixes" in own.text
    assert [each for each in ("akde", "dbb", "kde") if f"({each})" in own.text] == ["akde", "dbb"]
    assert "95 %: 380 km²" in own.text
    public = await client.get(path_of(flock, "Cranes"))
    assert "km²" not in public.text.replace("million km²", "")
    assert "2 visible fixes" in public.text
    assert "Cranes - Grus vipio" in public.text


async def test_a_study_is_drawn_whole(client) -> None:
    answer = await client.get(f"/api/v1/studies/{ref_of('study', 'Cranes')}/plot.svg", headers=KEY)
    assert answer.status_code == 200, answer.text
    assert "20 visible fixes" in answer.text


async def test_who_may_not_read_a_bird_gets_no_plot_of_it(flock, client) -> None:
    hidden = await client.get(path_of(flock, "Hidden"))
    assert hidden.status_code == 404
    assert hidden.json()["code"] == (await client.get(MISSING)).json()["code"]
    assert (
        await client.get(f"/api/v1/studies/{ref_of('study', 'Hidden')}/plot.svg")
    ).status_code == 404
    assert (await client.get(path_of(flock, "Hidden"), headers=KEY)).status_code == 200
