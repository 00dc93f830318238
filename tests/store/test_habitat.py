"""Habitat use: own birds in full, others' only in groups of three, and nothing twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NotFound, TooLarge
from app.movement.ledger import tally
from app.movement.track import DAY_US
from app.store import habitat
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import GROUP_MIN, Filters
from tests.store.flock import RELEASED, SPECIES, UNRELEASED, Flock, ref_of

OWNER = Audience("institute", 1, 1, exact=(1,), open=(2,))
OTHER = Audience("institute", 2, 2, exact=(2,))
PUBLIC = Audience("public", open=(2,))
BIRDS = {1: (1, 2), 2: (3, 4, 5, 6)}
"""Birds of each study."""


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a private study 1 of two birds, an opened 2 of four, and layers of all and of 1."""
    flock = Flock(new_database())
    for number, visibility in ((1, "private"), (2, "open")):
        study = flock.study(flock.institute(f"institute {number}")[0], f"{number}", visibility)
        for bird in BIRDS[number]:
            assert flock.bird(study, f"{bird}") == bird
    common = {"classes": '{"0": "marsh", "1": "field"}', "source": "own"}
    flock.insert("layer", name="Land", kind="polygons", ref=ref_of("land"), **common)
    flock.insert("layer", name="Own", kind="polygons", study_id=1, ref=ref_of("own"), **common)
    flock.insert("layer", name="Old", kind="polygons", ref=ref_of("old"), replaced_at=RELEASED,
                 **common)  # fmt: skip
    return flock


Day = tuple[int, int, int, bool]
"""Bird, day, class and whether it is released: a day and a half of a bird."""
DAYS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 2), st.integers(-1, 1), st.booleans()),
    max_size=20, unique_by=lambda row: row[:3],
)  # fmt: skip


def study_of(bird: int) -> int:
    return 1 if bird in BIRDS[1] else 2


async def fill(conn, days: list[Day]) -> None:
    for bird, day, number, released in days:
        common = {
            "bird": bird, "day": date(2020, 3, 1 + day), "study": study_of(bird),
            "species": SPECIES, "hours": 0.25 * (1 + bird),
            "release": RELEASED if released else UNRELEASED, "class": number,
            "kind": f"stopover {number}",
        }  # fmt: skip
        await execute(
            conn,
            "insert into presence_day (individual_id, day, kind, study_id, species_key, season,"
            " bird_days, release_at) values (:bird, :day, :kind, :study, :species, '2020-spring',"
            " :hours, :release)",
            {k: v for k, v in common.items() if k != "class"},
        )
        await execute(
            conn,
            "insert into use_day (individual_id, layer_id, day, kind, class_id, study_id,"
            " species_key, season, bird_days, release_at) values (:bird, 1, :day, :kind, :class,"
            " :study, :species, '2020-spring', :hours, :release)",
            common,
        )


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DAYS)
async def test_sums_are_over_own_birds_and_groups_of_others(flock, days) -> None:
    names = {-1: "outside", 0: "marsh", 1: "field"}
    async with flock.trial() as conn:
        await fill(conn, days)
        land = await habitat.find_layer(conn, OWNER, ref_of("land"))
        for who in (OWNER, OTHER, PUBLIC):
            own, others = defaultdict(list), defaultdict(list)
            for bird, _, number, released in days:
                if study_of(bird) in who.exact:
                    own[names[number]].append(bird)
                elif study_of(bird) in who.open and released:
                    others[names[number]].append(bird)
            told = {name: birds for name, birds in others.items() if len(set(birds)) >= GROUP_MIN}
            wanted = {
                name: (
                    sum(0.25 * (1 + b) for b in own[name] + told.get(name, [])),
                    len({*own[name], *told.get(name, [])}),
                )
                for name in {*own, *told}
            }
            found = await habitat.use(conn, who, Filters(), by="class", layer=land)
            rows = {row["key"]: (row["bird_days"], row["n_individuals"]) for row in found.rows}
            assert rows == wanted
            assert [row["bird_days"] for row in found.rows] == sorted(
                (row["bird_days"] for row in found.rows), reverse=True
            )
            assert found.pending_bird_days == 0.0  # every own day is measured


Spent = tuple[int, date, int, str]
"""Bird, day, class and season of time of a bird."""
SPENT = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from([date(2020, month, day) for month in (3, 4) for day in (1, 16, 30)]),
        st.integers(0, 1),
        st.sampled_from(["2020-spring", "2020-breeding"]),
    ),
    min_size=8, max_size=40, unique_by=lambda row: row[:3],
)  # fmt: skip
QUESTIONS = st.builds(
    Filters,
    study=st.sampled_from([None, ref_of("study", "1"), ref_of("study", "2")]),
    season=st.sampled_from([None, "2020-spring"]),
    time_from=st.sampled_from([None, *(datetime(2020, 3, day, tzinfo=UTC) for day in (1, 2))]),
    time_to=st.sampled_from([None, *(datetime(2020, 4, day, tzinfo=UTC) for day in (1, 29, 30))]),
)


async def spend(conn, spent: Iterable[Spent], release_at: datetime | str = RELEASED) -> None:
    for bird, day, number, season in spent:
        await execute(
            conn,
            "insert into use_day (individual_id, layer_id, day, kind, class_id, study_id,"
            " species_key, season, bird_days, release_at) values (:bird, 1, :day, :season,"
            " :class, :study, :species, :season, :hours, :release)",
            {
                "bird": bird, "day": day, "class": number, "study": study_of(bird),
                "species": SPECIES, "season": season, "hours": 0.25 * (1 + bird),
                "release": release_at,
            },
        )  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SPENT, QUESTIONS)
async def test_no_question_divides_the_groups_that_strangers_are_told(flock, spent, asked) -> None:
    """Each answer is made of the same whole groups: so no two differ by fewer than three birds."""
    groups = defaultdict(list)
    for row in spent:
        groups[study_of(row[0]), row[1].month, row[2:]].append(row)
    first = asked.time_from.date() if asked.time_from else date.min
    last = asked.time_to.date() if asked.time_to else date.max
    ends = {3: (date(2020, 3, 1), date(2020, 3, 31)), 4: (date(2020, 4, 1), date(2020, 4, 30))}

    def told(who: Audience, study: int, month: int, season: str, rows: list[Spent]) -> list[Spent]:
        if asked.study not in {None, ref_of("study", f"{study}")} or asked.season not in {
            None, season,
        }:  # fmt: skip
            return []
        if study in who.exact:
            return [row for row in rows if first <= row[1] <= last]
        whole = first <= ends[month][0] and ends[month][1] <= last
        return rows if whole and len({row[0] for row in rows}) >= GROUP_MIN else []

    async with flock.trial() as conn:
        await spend(conn, spent)
        land = await habitat.find_layer(conn, OWNER, ref_of("land"))
        for who in (OWNER, OTHER, Audience("public", open=(1, 2))):
            wanted = defaultdict(float)
            for (study, month, (number, season)), rows in groups.items():
                if study in {*who.exact, *who.open}:
                    for bird, *_ in told(who, study, month, season, rows):
                        wanted[season, ("marsh", "field")[number]] += 0.25 * (1 + bird)
            found = await habitat.use(conn, who, asked, by="class", layer=land, per="season")
            assert {(r["part"], r["key"]): r["bird_days"] for r in found.rows} == wanted


async def test_one_birds_day_is_no_difference_of_two_intervals(trial) -> None:
    """The last bird alone was there on the 20th: by days, it would be told by subtraction."""
    await spend(trial, [(bird, date(2020, 3, 2), 0, "2020-spring") for bird in (3, 4, 5)])
    await spend(trial, [(6, date(2020, 3, 20), 0, "2020-spring")])
    land = await habitat.find_layer(trial, OWNER, ref_of("land"))

    async def told(day: int, who: Audience = PUBLIC) -> float:
        until = Filters(time_to=datetime(2020, 3, day, tzinfo=UTC))
        found = await habitat.use(trial, who, until, by="class", layer=land)
        return sum(row["bird_days"] for row in found.rows)

    assert [await told(day) for day in (19, 20, 30, 31)] == [0.0, 0.0, 0.0, 5.5]
    assert [await told(day, OTHER) for day in (19, 20)] == [3.75, 5.5]


async def test_a_partner_who_knows_two_of_three_birds_learns_nothing_of_the_third(trial) -> None:
    """Its own two are part of what the public may be told: never together with one of others."""
    await spend(trial, [(bird, date(2020, 3, 2), 0, "2020-spring") for bird in (1, 2, 3)])
    land = await habitat.find_layer(trial, OWNER, ref_of("land"))
    stranger = Audience("public", open=(1, 2))
    assert (await habitat.use(trial, stranger, Filters(), by="class", layer=land)).rows == []


async def test_a_month_of_others_is_told_when_all_of_it_is_released(trial) -> None:
    """Told day by day, today and tomorrow would differ by one."""
    land = await habitat.find_layer(trial, OWNER, ref_of("land"))
    lately = datetime.now(UTC) - timedelta(days=5)
    for day, n in ((20, 0), (28, 3)):  # 11 and 3 days before the month's last
        async with trial.begin_nested() as attempt:
            spent = [(bird, date(2020, 3, day), 0, "2020-spring") for bird in (3, 4, 5)]
            await spend(trial, spent, lately)
            found = await habitat.use(trial, PUBLIC, Filters(), by="class", layer=land)
            assert sum(row["n_individuals"] for row in found.rows) == n
            await attempt.rollback()


async def test_days_not_yet_measured_wait_and_make_up_the_whole(trial) -> None:
    await fill(trial, [(1, 0, 0, True), (1, 1, 0, False), (2, 0, 1, True)])
    await execute(trial, "delete from use_day where individual_id = 2")
    land = await habitat.find_layer(trial, OWNER, ref_of("land"))
    for filters in (Filters(), Filters(study=ref_of("study", "1")), Filters(species=SPECIES)):
        found = await habitat.use(trial, OWNER, filters, by="class", layer=land)
        whole = await habitat.use(trial, OWNER, filters, by="season", layer=None)
        assert found.pending_bird_days == 0.75
        measured = sum(row["bird_days"] for row in found.rows)
        assert measured + 0.75 == sum(row["bird_days"] for row in whole.rows)
    stranger = await habitat.use(trial, PUBLIC, Filters(), by="class", layer=land)
    assert (stranger.rows, stranger.pending_bird_days) == ([], 0.0)


async def test_a_filter_by_bird_tells_strangers_nothing(trial) -> None:
    await fill(trial, [(bird, 0, 0, True) for bird in BIRDS[2]])
    group = await habitat.use(trial, PUBLIC, Filters(), by="season", layer=None)
    assert [row["n_individuals"] for row in group.rows] == [4]
    one = Filters(individual=ref_of("bird", 2, "3"))
    for by in ("individual", "season"):
        assert (await habitat.use(trial, PUBLIC, one, by=by, layer=None)).rows == []
        assert len((await habitat.use(trial, OTHER, one, by=by, layer=None)).rows) == 1
    assert (await habitat.use(trial, PUBLIC, Filters(), by="individual", layer=None)).rows == []


async def test_days_are_chosen_with_both_ends(trial) -> None:
    await fill(trial, [(1, day, 0, True) for day in range(3)])
    noon = datetime(2020, 3, 2, 12, tzinfo=UTC)
    for filters, days in (
        (Filters(time_from=noon), 2), (Filters(time_to=noon), 2),
        (Filters(time_from=noon, time_to=noon), 1),
        (Filters(time_from=noon + timedelta(days=9)), 0), (Filters(season="2020-autumn"), 0),
    ):  # fmt: skip
        found = await habitat.use(trial, OWNER, filters, by="individual", layer=None)
        assert sum(row["bird_days"] for row in found.rows) == days * 0.5


async def test_layers_are_the_services_and_ones_own(trial) -> None:
    assert [r["name"] for r in await habitat.layers(trial, OWNER, fetch=9)] == ["Land", "Own"]
    assert [r["name"] for r in await habitat.layers(trial, OTHER, fetch=9)] == ["Land"]
    first = await habitat.layers(trial, OWNER, fetch=1)
    rest = await habitat.layers(trial, OWNER, fetch=9, after=(first[0]["name"], first[0]["ref"]))
    assert [row["name"] for row in rest] == ["Own"]
    assert (await habitat.owned_layer(trial, OWNER, ref_of("own"))).study_id == 1
    for who, name, read in (
        (OTHER, "own", habitat.find_layer), (OWNER, "old", habitat.find_layer),
        (OWNER, "land", habitat.owned_layer), (PUBLIC, "own", habitat.owned_layer),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await read(trial, who, ref_of(name))
    with pytest.raises(NotFound):
        await habitat.find_layer(trial, OWNER, None)  # no boundary set is loaded


async def test_an_answer_without_bounds_is_refused(trial, monkeypatch) -> None:
    await fill(trial, [(1, 0, 0, True), (2, 0, 0, True)])
    monkeypatch.setattr(habitat, "ROWS_MAX", 1)
    with pytest.raises(TooLarge):
        await habitat.use(trial, OWNER, Filters(), by="individual", layer=None)


async def test_rows_of_ten_birds_have_the_interval_of_the_ledger(new_database) -> None:
    """As `movement.ledger.tally` tells it of the same times; siblings are drawn together."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    flock.insert(
        "layer", name="Land", kind="polygons", ref=ref_of("land"),
        classes='{"0": "marsh", "1": "field"}', source="own",
    )  # fmt: skip
    days = {bird: (1 + bird % 4, 2 if bird < 9 else 0) for bird in range(11)}
    for number, spent in days.items():
        bird = flock.bird(study, f"B{number}")
        if number == 1:
            flock.run(
                'update individual set terms = \'{"animal-siblings": "B0"}\' where id = %s', bird
            )
        for k, n in enumerate(spent):
            if n:
                flock.insert(
                    "use_day", individual_id=bird, layer_id=1, day=date(2020, 3, 1),
                    kind="stopover", class_id=k, study_id=study, species_key=SPECIES,
                    bird_days=n / 10, release_at=RELEASED,
                )  # fmt: skip
    async with flock.trial() as conn:
        layer = await habitat.find_layer(
            conn, own := Audience("operator", exact=(study,)), ref_of("land")
        )
        found = await habitat.use(conn, own, Filters(), by="class", layer=layer)
        alone = await habitat.use(conn, own, Filters(), by="individual", layer=layer)
        season = await habitat.use(conn, own, Filters(), by="class", layer=layer, per="season")
    time_us = np.array([days[b] for b in days], dtype=np.int64) * DAY_US // 10
    family = np.array([0, 0, *range(1, 10)])
    expected = tally(time_us[:, ::-1], family)  # fields first, by their name
    assert set(found.intervals) == {(None, "marsh")}  # fields have nine birds
    assert found.intervals[None, "marsh"] == (expected.low[1], expected.high[1])
    assert season.intervals["", "marsh"] == found.intervals[None, "marsh"]
    assert alone.intervals == {}
