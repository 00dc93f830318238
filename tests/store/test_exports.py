"""A study as it goes out: the owner's rows in one order, all that was said, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import exports
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import Filters
from tests.pipeline import row_by_row
from tests.store.flock import START, Flock, ref_of
from tests.store.herd import OPERATOR

STRANGER = Audience("public", open=(1,))
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database):
    """Give two birds with two tags, a tag that nobody wears, and another study."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "1", "open", taxon="Grus grus")
    first, second = (flock.bird(study, name) for name in "BA")
    flock.tag(study, "T2", first)
    flock.tag(study, "T1", second, f"[{START.isoformat()},)")
    flock.tag(study, "T3")
    for tag, hour, more in (
        (1, 2, {"battery_v": 3.7, "height_m": 12.3}), (1, 1, {"visible": False}),
        (2, 1, {}), (2, -1, {}), (3, 5, {}), (1, 3, {"live": False}),
    ):  # fmt: skip
        flock.fix(study, tag, hour, (100.0 + tag, 38.0 + hour / 10), **more)
    other = flock.study(flock.institute("Ussuri")[0], "2")
    flock.tag(other, "X", flock.bird(other, "X"))
    flock.fix(other, 4, 1)
    return flock


async def fixes(conn, audience=OPERATOR, filters=Filters(), study=1):  # noqa: B008 - frozen
    chunks: list[pl.DataFrame] = []
    wanted = (conn, audience, study, filters)
    n = await exports.fixes(*wanted, columns=exports.COLUMNS, take=chunks.append)
    rows = [row for chunk in chunks for row in chunk.iter_rows(named=True)]
    assert len(rows) == n
    return rows


async def told(conn, audience=OPERATOR, filters=Filters(), study=1):  # noqa: B008 - frozen
    rows = await fixes(conn, audience, filters, study)
    return [(row["tag"], row["individual"], (row["time"] - START) / HOUR) for row in rows]


WHOLE = [("T1", None, -1), ("T1", "A", 1), ("T2", "B", 1), ("T2", "B", 2), ("T3", None, 5)]


async def test_fixes_go_out_by_tag_and_time_hidden_ones_and_unworn_ones_too(trial) -> None:
    assert await told(trial) == WHOLE


async def test_only_what_is_wanted_is_asked_for(trial) -> None:
    chunks: list[pl.DataFrame] = []
    await exports.fixes(trial, OPERATOR, 1, Filters(), columns=("lon", "time"), take=chunks.append)
    names = {"individual_id", "individual", "taxon", "species_key", "tag"}
    assert set(chunks[0].columns) == {"time", "lon"} | names


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(datetime(1978, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - made aware
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
async def test_what_is_handed_over_is_what_is_stored(flock, time, place, real, text) -> None:
    async with flock.trial() as trial:
        await execute(
            trial,
            "update fix set time = :time, lon = :lon, lat = :lat, lon2 = :lon, lat2 = :lat,"
            " height_m = :real, provider_id = :text, marked_outlier = visible, solution = 2,"
            " provider_revision = 2147483647 where tag_id = 3",
            {"time": time.replace(tzinfo=UTC), "lon": place[0], "lat": place[1], "real": real,
             "text": text},
        )  # fmt: skip
        rows = await fixes(trial)
        wanted = await execute(trial, row_by_row.FIXES.replace("f.live", "f.live and s.id = 1"))
    assert [{name: repr(row[name]) for name in wanted[0] if name != "time"} for row in rows] == [
        {name: repr(value) for name, value in row.items() if name != "time"} for row in wanted
    ]
    assert [row["time"] for row in rows] == [row["time"] for row in wanted]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (Filters(individual=ref_of("bird", 1, "A")), WHOLE[1:2]),
        (Filters(individual=ref_of("bird", 2, "X")), []),
        (Filters(time_from=START + HOUR, time_to=START + 2 * HOUR), WHOLE[1:4]),
        (Filters(time_to=START), WHOLE[:1]),
    ],
)
async def test_filters_narrow_them(trial, filters, wanted) -> None:
    assert await told(trial, filters=filters) == wanted


async def test_a_study_that_is_not_read_in_full_gives_nothing(trial) -> None:
    for audience, study in ((STRANGER, 1), (Audience("institute", 2, 1, exact=(2,)), 1)):
        everything = (audience, study, Filters())
        assert await told(trial, audience) == []
        assert await exports.readings(trial, *everything, take=pytest.fail) == 0
        assert await exports.individuals(trial, *everything) == []
        assert await exports.deployments(trial, *everything) == []
    assert await told(trial, study=2) == [("X", "X", 1)]


async def test_numbers_go_out_as_they_were_said(trial) -> None:
    rows = await fixes(trial)
    assert (rows[3]["battery_v"], rows[3]["height_m"]) == (3.7, 12.3)
    assert rows[2]["battery_v"] is None


async def test_flags_and_the_verdict_in_force_go_with_their_fix(trial) -> None:
    key = {"time": START + HOUR}
    for code in ("speed", "null-island"):
        await execute(
            trial,
            "insert into fix_flag (study_id, tag_id, time, sensor, variant, code, origin)"
            f" values (1, 1, :time, 0, 1, '{code}', 'track')", key,
        )  # fmt: skip
    await execute(
        trial,
        "insert into fix_verdict (study_id, tag_id, time, sensor, variant, verdict, reason,"
        " decided_by, undone_at) values (1, 1, :time, 0, 1, 'show', 'seen', 'K', null),"
        " (1, 1, :time, 0, 1, 'hide', 'r', 'K', now())", key,
    )  # fmt: skip
    rows = await fixes(trial)
    assert (rows[2]["flags"], rows[2]["verdict"]) == ("null-island speed", "show")
    assert rows[2]["verdict_reason"] == "seen"
    assert {(row["flags"], row["verdict"]) for n, row in enumerate(rows) if n != 2} == {
        (None, None)
    }


async def test_readings_are_those_in_force(trial) -> None:
    await execute(trial, "insert into push (study_id, digest, size_bytes) values (1, '\\x00', 1)")
    for number, replaced in ((1, "now()"), (2, "null")):
        await execute(
            trial,
            "insert into decoding (study_id, push_id, number, tz, state, replaced_at) select 1,"
            f" max(id), {number}, 'UTC', 'stored', {replaced} from push",
        )
        await execute(
            trial,
            "insert into reading (tag_id, time, sensor, variant, study_id, decoding_id, battery_v)"
            " select 1, :time, 0, :number, 1, max(id), 3.9 from decoding",
            {"time": START + number * HOUR, "number": number},
        )
    chunks: list[pl.DataFrame] = []
    assert await exports.readings(trial, OPERATOR, 1, Filters(), take=chunks.append) == 1
    assert chunks[0].select("time", "battery_v", "individual", "lon").rows() == [
        (START + 2 * HOUR, 3.9, "B", None)
    ]


async def names(conn):
    return [
        (row["tag"], row["individual"], row["deploy_on"], row["declared"])
        for row in await exports.deployments(conn, OPERATOR, 1, Filters())
    ]


async def test_deployments_that_rows_imply_go_out_as_such(trial) -> None:
    await execute(trial, "update deployment set declared = false where tag_id = 1")
    assert await names(trial) == [("T1", "A", START, True), ("T2", "B", None, False)]


async def test_of_one_term_that_of_the_deployment_is_told(trial) -> None:
    for noun, said in (("tag", "tag"), ("individual", "bird"), ("deployment", "worn")):
        await execute(
            trial,
            f"update {noun} set terms = jsonb_build_object('x', '{said}', '{noun}', 'own')",
        )
    for row in await exports.deployments(trial, OPERATOR, 1, Filters()):
        own = dict.fromkeys(("tag", "individual", "deployment"), "own")
        assert row["terms"] == {"x": "worn"} | own
    await execute(trial, "update deployment set terms = '{}'")
    rows = await exports.deployments(trial, OPERATOR, 1, Filters())
    assert {row["terms"]["x"] for row in rows} == {"bird"}


async def test_aliases_go_with_their_tag(trial) -> None:
    await execute(
        trial,
        "insert into tag_alias (study_id, alias, tag_id, made_by) values (1, 'SN-2', 1, 'K'),"
        " (1, 'SN-1', 1, 'K')",
    )
    rows = await exports.deployments(trial, OPERATOR, 1, Filters())
    assert [(row["tag"], row["aliases"]) for row in rows] == [
        ("T1", []), ("T2", ["SN-1", "SN-2"])
    ]  # fmt: skip


async def test_birds_go_out_by_name_with_their_taxon_or_the_studys(trial) -> None:
    await execute(trial, "update individual set taxon = null where local_identifier = 'B'")
    rows = await exports.individuals(trial, OPERATOR, 1, Filters())
    assert [(row["individual"], row["taxon"]) for row in rows] == [
        ("A", "Grus vipio"), ("B", "Grus grus")
    ]  # fmt: skip
