"""Shares of a site within layers: what was designated by then counts, and what is drawn today."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.movement.protection import State, class_of
from app.store import sitehistory
from app.store.audience import Audience
from tests.store.flock import DAY, SPECIES, START, Flock, ref_of

OWNER = Audience("institute", 1, 1, exact=(1,))
OTHER = Audience("institute", 2, 2, exact=(2,))
IN_FORCE, LATER, UNDATED = (
    class_of({1: state}) for state in (State.IN_FORCE, State.LATER, State.UNDATED)
)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a bird with a stay of four days at a site, measured against two layers."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Own")
    bird = flock.bird(study, "A")
    stay = flock.stopover(study, bird, 0)
    site = flock.site("institute:1", "Here", 127.1, 38.2)
    flock.insert(
        "site_visit", site_id=site, stopover_id=stay, individual_id=bird, arrival_time=START,
        departure_time=START + 4 * DAY - timedelta(seconds=1),
    )  # fmt: skip
    marsh, reserves = (
        flock.insert("layer", name=name, kind=kind, source="made up", classes='{"1": "x"}',
                     study_id=study, ref=ref_of(name))
        for name, kind in (("Marsh", "polygons"), ("Reserves", "protection"))
    )  # fmt: skip
    for layer, classes in ((marsh, [1, 1, 1, -1]), (reserves, [IN_FORCE, LATER, UNDATED, -1])):
        for day, class_id in enumerate(classes):
            flock.insert(
                "use_day", individual_id=bird, layer_id=layer, day=(START + day * DAY).date(),
                kind="stopover", class_id=class_id, study_id=study, species_key=SPECIES,
                season=None, bird_days=1.0, release_at="2021-01-01T00:00:00Z",
            )  # fmt: skip
    return flock


async def test_a_reserve_counts_from_its_designation_on(trial) -> None:
    rows = await sitehistory.within_layers(trial, OWNER, ref_of("site", "institute:1", "Here"))
    assert [(row["name"], row["bird_days"], row["share"]) for row in rows] == [
        ("Marsh", 4.0, 0.75), ("Reserves", 4.0, 0.25)
    ]  # fmt: skip


async def test_a_day_on_which_a_bird_went_on_is_shared_between_its_stays(trial, flock) -> None:
    """Half a day and more here, a quarter there, and back again: no day counts twice."""
    bird = flock.bird(1, "B")
    site = flock.site("institute:1", "Back", 127.1, 38.2)
    for day, days, here in ((0, 1, True), (1, 0.25, False), (1.25, 2, True)):
        ends = {"arrival_time": START + day * DAY, "departure_time": START + (day + days) * DAY}
        stay = flock.stopover(1, bird, day, arrival_time_latest=ends["arrival_time"],
                              departure_time_earliest=ends["departure_time"])  # fmt: skip
        if here:
            flock.insert("site_visit", site_id=site, stopover_id=stay, individual_id=bird, **ends)
    (layer,) = flock.run("select id from layer where name = 'Marsh'")[0]
    for day, class_id in enumerate([1, -1, 1, 1]):
        flock.insert(
            "use_day", individual_id=bird, layer_id=layer, day=(START + day * DAY).date(),
            kind="stopover", class_id=class_id, study_id=1, species_key=SPECIES, season=None,
            bird_days=1.0, release_at="2021-01-01T00:00:00Z",
        )  # fmt: skip
    rows = await sitehistory.within_layers(trial, OWNER, ref_of("site", "institute:1", "Back"))
    assert [(row["bird_days"], row["share"]) for row in rows] == [
        (pytest.approx(3.75), pytest.approx(3 / 3.75))
    ]


async def test_nobody_else_is_told(trial) -> None:
    assert not await sitehistory.within_layers(trial, OTHER, ref_of("site", "institute:1", "Here"))
