"""Sites: the reader's own catalogue, who stayed there, and how the year runs at a place."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import sites
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import Box, Filters
from tests.store.flock import DAY, START, UNRELEASED, Flock, ref_of

OPERATOR = Audience("operator", exact=(1, 2))
OWNER = Audience("institute", 1, 1, exact=(1,), open=(2,))
PUBLIC = Audience("public", open=(2,))


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a private study 1 and an opened 2 of two birds each, and a catalogue for each class."""
    flock = Flock(new_database())
    for number, visibility in ((1, "private"), (2, "open")):
        study = flock.study(flock.institute(f"institute {number}")[0], f"{number}", visibility)
        for name in "AB":
            flock.bird(study, name)
    for scope in ("public", "operator", "institute:1"):
        here = flock.site(scope, "Here", 127.1, 38.2)
        flock.site(scope, "Across", -179.95, 60.0, species_keys=["hooded_crane"])
        flock.site(scope, "Empty", 0.0, 90.0)
        for stay in _stays(flock):
            flock.run("insert into site_visit values (%s, %s)", here, stay)
    return flock


def _stays(flock: Flock) -> list[int]:
    found = [id_ for (id_,) in flock.run("select id from stopover order by id")]
    if found:
        return found
    stays = [
        flock.stopover(study, bird, day)
        for study, bird, day in ((1, 1, 0), (1, 1, 20), (1, 2, 5), (2, 3, 0), (2, 4, 9))
    ]
    return [*stays, flock.stopover(2, 4, 30, release_at=UNRELEASED),
            flock.stopover(2, 3, 40, public_lon=None, public_lat=None)]  # fmt: skip


@pytest.mark.parametrize("audience", [OPERATOR, OWNER, PUBLIC])
async def test_each_class_reads_its_own_catalogue(trial, audience) -> None:
    rows = await sites.page(trial, audience, Filters(), fetch=9)
    assert [row["name"] for row in rows] == ["Across", "Empty", "Here"]
    for name in ("Across", "Here"):
        own = await sites.find(trial, audience, ref_of("site", audience.scope, name))
        assert own["name"] == name
    for other in {"public", "operator", "institute:1"} - {audience.scope}:
        assert await sites.find(trial, audience, ref_of("site", other, "Here")) is None
        assert await sites.birds(trial, audience, ref_of("site", other, "Here"), fetch=9) == []
        assert (
            await sites.phenology(trial, audience, ref_of("site", other, "Here"), by="month") == []
        )


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(species="hooded_crane"), ["Across"]),
        (Filters(individual=ref_of("bird", 2, "A")), ["Here"]),
        (Filters(individual=ref_of("bird", 1, "A")), []),
        (Filters(study=ref_of("study", "1")), []),
        (Filters(season="2020-spring"), ["Here"]),
        (Filters(season="1999-spring"), []),
        (Filters(box=Box(170, 50, -170, 70)), ["Across"]),
        (Filters(box=Box(-180, 89, 180, 90)), ["Empty"]),
        (Filters(box=Box(127, 38, 128, 39)), ["Here"]),
        (Filters(time_to=START - DAY), []),
        (Filters(time_from=START + 31 * DAY), []),
        (Filters(time_from=START + 30 * DAY), ["Across", "Empty", "Here"]),
    ],
)
async def test_filters_tell_the_public_no_more_than_rows_do(trial, filters, names) -> None:
    assert [r["name"] for r in await sites.page(trial, PUBLIC, filters, fetch=9)] == names


@pytest.mark.parametrize("read", [sites.page, sites.feed])
async def test_pages_join_to_the_whole(trial, read) -> None:
    whole = await read(trial, OWNER, Filters(), fetch=9)
    joined, after = [], None
    while page := await read(trial, OWNER, Filters(), fetch=1, after=after):
        joined += page
        after = page[-1].key if read is sites.feed else (page[-1]["name"], page[-1]["id"])
    assert joined == whole and len(whole) == 3


async def test_who_stayed_is_told_from_what_the_reader_sees(trial) -> None:
    async def told(audience: Audience) -> dict:
        rows = await sites.birds(trial, audience, ref_of("site", audience.scope, "Here"), fetch=9)
        assert [row["time_first"] for row in rows] == sorted(row["time_first"] for row in rows)
        return {row["id"]: row["n_stopovers"] for row in rows}

    names = {(s, n): ref_of("bird", s, n) for s in (1, 2) for n in "AB"}
    assert await told(OPERATOR) == {
        names[1, "A"]: 2, names[1, "B"]: 1, names[2, "A"]: 2, names[2, "B"]: 2
    }  # fmt: skip
    assert await told(OWNER) == {
        names[1, "A"]: 2, names[1, "B"]: 1, names[2, "A"]: 1, names[2, "B"]: 1
    }  # fmt: skip
    assert await told(PUBLIC) == {names[2, "A"]: 1, names[2, "B"]: 1}
    assert await sites.birds(trial, PUBLIC, uuid4(), fetch=9) == []


SPAN = st.tuples(
    st.integers(1, 2),
    st.datetimes(datetime(2019, 12, 20), datetime(2021, 1, 10)).map(  # noqa: DTZ001 - made aware
        lambda t: t.replace(tzinfo=UTC)
    ),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=40)),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SPAN, min_size=1, max_size=3, unique_by=lambda span: span[:2]))
async def test_a_year_is_counted_day_by_day(flock, spans) -> None:
    """The oracle walks from midnight to midnight; leap days and the last pentad included."""
    wanted: dict[str, dict[int, list]] = {"month": defaultdict(list), "pentad": defaultdict(list)}
    for bird, first, length in spans:
        at = first
        while at < first + length:
            next_day = datetime(at.year, at.month, at.day, tzinfo=UTC) + DAY
            part = (min(next_day, first + length) - at) / DAY
            pentad = min(73, (at.timetuple().tm_yday - 1) // 5 + 1)
            for by, period in (("month", at.month), ("pentad", pentad)):
                wanted[by][period].append((bird, part))
            at = next_day
    async with flock.trial() as conn:
        await execute(conn, "delete from site_visit")
        await execute(conn, "delete from stopover where id > 5 or individual_id > 2")
        rows = await execute(conn, "select id from stopover order by id")
        ref = ref_of("site", "operator", "Here")
        for row, (bird, first, length) in zip(rows, spans, strict=False):
            await execute(
                conn,
                "update stopover set individual_id = :bird, arrival_time_latest = :a,"
                " departure_time_earliest = :d where id = :id",
                {"bird": bird, "a": first, "d": first + length, "id": row["id"]},
            )
            await execute(
                conn,
                "insert into site_visit select s.id, :stay from site s where ref = :ref",
                {"stay": row["id"], "ref": ref},
            )
        for by, periods in wanted.items():
            found = await sites.phenology(conn, OPERATOR, ref, by=by)
            assert [row["period"] for row in found] == sorted(periods)
            for row in found:
                parts = periods[row["period"]]
                assert row["n_individuals"] == len({bird for bird, _ in parts})
                assert row["bird_days"] == pytest.approx(sum(part for _, part in parts), abs=1e-6)
