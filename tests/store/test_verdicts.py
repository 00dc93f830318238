"""What people decide about a fix: which fix is meant, who may, and what it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from app.errors import Conflict, NotFound
from app.store import deployments, verdicts, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.verdicts import FixName
from tests.store.flock import START, Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))
OPERATOR = Audience("operator", None, 3, exact=(1, 2))
BIRD, TAG = ref_of("bird", 1, "A"), ref_of("tag", "T1")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give tag 1 on bird A for ten hours, with fixes at 1, 2 (two), and 20 (worn by nobody)."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    flock.study(flock.institute("Other")[0], "Others")
    during = f"[,{(START + 10 * HOUR).isoformat()})"
    tag = flock.tag(study, "T1", flock.bird(study, "A"), during)
    flock.fix(study, tag, 1)
    flock.fix(study, tag, 2)
    flock.fix(study, tag, 2, variant=2)
    flock.fix(study, tag, 3, live=False)
    flock.fix(study, tag, 20)
    flock.fix(study, tag, 21, visible=False)
    flock.insert(
        "fix_flag", tag_id=tag, time=START + 21 * HOUR, sensor=0, variant=1, code="null-island",
        study_id=study, origin="record",
    )  # fmt: skip
    return flock


async def decide(conn, name: FixName, verdict: str = "hide", who: Audience = OWNER) -> dict:
    return await verdicts.decide(conn, who, name, verdict=verdict, reason="seen on the map")


async def standing(conn) -> list[tuple[str, str]]:
    rows = await execute(
        conn, "select verdict, decided_by from fix_verdict where undone_at is null order by id"
    )
    return [tuple(row.values()) for row in rows]


async def visible(conn, hour: int) -> bool:
    (row,) = await execute(
        conn, "select visible from fix where time = :t", {"t": START + hour * HOUR}
    )
    return row["visible"]


@pytest.mark.parametrize(
    "name", [FixName(START + HOUR, individual=BIRD), FixName(START + HOUR, tag=TAG)]
)
async def test_a_fix_is_named_by_its_bird_or_its_tag(trial, name) -> None:
    (before,) = await execute(trial, "select version from study where id = 1")
    made = await decide(trial, name)
    assert (made["verdict"], made["decided_by"], made["time"]) == ("hide", "Amur", START + HOUR)
    span = await work.take_span(trial, 1)
    assert (span.from_time, span.to_time) == (START + HOUR, START + HOUR)
    (after,) = await execute(trial, "select version from study where id = 1")
    assert after["version"] > before["version"]


async def test_the_last_word_stands_alone_and_the_others_are_kept(trial) -> None:
    name = FixName(START + HOUR, tag=TAG)
    await decide(trial, name)
    await decide(trial, name, "show", OPERATOR)
    assert await standing(trial) == [("show", "operator")]
    assert len(await execute(trial, "select 1 from fix_verdict")) == 2


async def test_of_several_at_one_time_one_has_to_be_named(trial) -> None:
    with pytest.raises(Conflict) as several:
        await decide(trial, FixName(START + 2 * HOUR, tag=TAG))
    assert several.value.code == "fix-ambiguous"
    await decide(trial, FixName(START + 2 * HOUR, tag=TAG, sensor=0, variant=2))
    assert (await execute(trial, "select variant from fix_verdict")) == [{"variant": 2}]


@pytest.mark.parametrize(
    ("name", "who"),
    [
        (FixName(START + HOUR, individual=BIRD), OTHER),
        (FixName(START + HOUR, tag=TAG), Audience("public", open=(1,))),
        (FixName(START + 3 * HOUR, tag=TAG), OWNER),
        (FixName(START + 20 * HOUR, individual=BIRD), OWNER),
        (FixName(START + 4 * HOUR, tag=TAG), OWNER),
        (FixName(START + HOUR, tag=TAG, sensor=9), OWNER),
        (FixName(START + HOUR), OWNER),
    ],
    ids=["foreign", "public", "replaced", "not worn", "no fix", "sensor", "nothing named"],
)
async def test_any_other_fix_is_as_good_as_missing(trial, name, who) -> None:
    with pytest.raises(NotFound):
        await decide(trial, name, who=who)
    assert await standing(trial) == []


async def test_a_verdict_is_taken_back_once_and_by_its_owner(trial) -> None:
    made = await decide(trial, FixName(START + HOUR, tag=TAG))
    await work.take_span(trial, 1)
    with pytest.raises(NotFound):
        await verdicts.undo(trial, OTHER, made["id"])
    await verdicts.undo(trial, OWNER, made["id"])
    assert await standing(trial) == []
    assert await work.take_span(trial, 1) is not None
    with pytest.raises(NotFound):
        await verdicts.undo(trial, OWNER, made["id"])


@pytest.mark.parametrize(("hour", "verdict", "shown"), [(20, "hide", False), (21, "show", True)])
async def test_on_a_tag_that_nobody_wears_it_holds_at_once(trial, hour, verdict, shown) -> None:
    """No stage comes by such a fix: it has no track."""
    made = await decide(trial, FixName(START + hour * HOUR, tag=TAG), verdict)
    assert await visible(trial, hour) is shown
    await verdicts.undo(trial, OWNER, made["id"])
    assert await visible(trial, hour) is not shown


@pytest.mark.parametrize(
    "order", ["decide, withdraw", "decide, screen, withdraw", "withdraw, decide"]
)
async def test_the_order_of_a_verdict_and_a_withdrawal_does_not_matter(trial, order) -> None:
    steps = {
        "decide": lambda: decide(trial, FixName(START + HOUR, tag=TAG)),
        "withdraw": lambda: deployments.withdraw(trial, 1),
        "screen": lambda: execute(trial, "update fix set visible = false where time = :t",
                                  {"t": START + HOUR}),
    }  # fmt: skip
    for name in order.split(", "):
        await steps[name]()
    assert not await visible(trial, 1)


async def test_a_fix_shown_by_hand_loses_the_flag_of_its_track_with_the_track(trial) -> None:
    await decide(trial, FixName(START + HOUR, tag=TAG), "show")
    await execute(
        trial,
        "insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin)"
        " values (1, :t, 0, 1, 'speed', 1, 'track')",
        {"t": START + HOUR},
    )
    await deployments.withdraw(trial, 1)
    assert await execute(trial, "select code from fix_flag") == [{"code": "null-island"}]
    assert await visible(trial, 1)


def told(*rows: tuple[int, int, str, str | None]) -> pl.DataFrame:
    """Give records of a file: hour, variant, what is said of it, and why."""
    return pl.DataFrame(
        [
            {
                "tag_id": 1,
                "time_us": us(START + hour * HOUR),
                "sensor": 0,
                "variant": variant,
                "marked_valid": "show" in said,
                "marked_hidden": "hide" in said,
                "verdict_reason": why,
                "decoding_id": 1,
                "unit": unit,
            }
            for unit, (hour, variant, said, why) in enumerate(rows)
        ],
        schema_overrides={"verdict_reason": pl.String},
    )


def us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


async def test_what_a_file_says_people_decided_stands_with_its_reason(trial) -> None:
    file = told((1, 1, "hide", "aviary"), (2, 1, "show", None), (2, 2, "hide", None))
    assert await verdicts.adopt(trial, 1, file) == 3
    rows = await execute(trial, "select verdict, reason, decided_by from fix_verdict order by"
                         " time, variant")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("hide", "aviary", "the sender"), ("show", "manually-marked-valid", "the sender"),
        ("hide", "manually-marked-outlier", "the sender"),
    ]  # fmt: skip
    assert await verdicts.adopt(trial, 1, file) == 0


async def test_a_file_that_says_both_of_a_fix_shows_it_once(trial) -> None:
    file = told((1, 1, "hide", "a"), (1, 1, "hide show", "b"), (1, 1, "hide", "c"))
    assert await verdicts.adopt(trial, 1, file) == 1
    assert await standing(trial) == [("show", "the sender")]


@pytest.mark.parametrize("verdict", ["hide", "show"])
async def test_what_was_decided_here_no_file_decides_again(trial, verdict) -> None:
    made = await decide(trial, FixName(START + HOUR, individual=BIRD), "hide")
    assert await verdicts.adopt(trial, 1, told((1, 1, verdict, None))) == 0
    await verdicts.undo(trial, OWNER, made["id"])
    assert await verdicts.adopt(trial, 1, told((1, 1, verdict, None))) == 0
    assert await standing(trial) == []


async def test_of_a_tag_that_nobody_wears_it_holds_at_once_too(trial) -> None:
    assert [await visible(trial, hour) for hour in (20, 21)] == [True, False]
    await verdicts.adopt(trial, 1, told((20, 1, "hide", None), (21, 1, "show", None)))
    assert [await visible(trial, hour) for hour in (20, 21)] == [False, True]


async def test_two_who_decide_at_once_leave_one_verdict(flock, store, meets) -> None:
    name = FixName(START + HOUR, tag=TAG)

    async def second() -> None:
        async with store.write() as conn:
            await decide(conn, name, "show", OPERATOR)

    async with store.engine.connect() as conn:
        await decide(conn, name)
        await meets(conn.commit, second())
    async with store.read() as conn:
        assert await standing(conn) == [("show", "operator")]
    assert flock.run("select count(*) from fix_verdict") == [(2,)]
    for table in ("fix_verdict", "dirty"):
        flock.run(f"delete from {table}")
