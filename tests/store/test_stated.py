"""Reference data of a file: taken over whole, counted, and in the order in which events lock."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from app.errors import Conflict
from app.store import deployments, names, stated
from app.store.engine import execute
from tests.store.flock import DAY, START, Flock


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    for name in "AB":
        flock.bird(1, name)
    tag = flock.tag(1, "T1")
    for day in range(10):
        flock.fix(1, tag, 24 * day)
    return flock


def row(tag: str, bird: str, first: int | None = None, last: int | None = None, **more):
    ends = [None if day is None else START + day * DAY for day in (first, last)]
    values = {"taxon": "Grus vipio", "species_key": "white_naped_crane", "terms": {},
              "deployment_id": None} | more  # fmt: skip
    return stated.Row(tag=tag, individual=bird, deploy_on=ends[0], deploy_off=ends[1], **values)


async def marked(conn) -> dict[str, tuple[int, int]]:
    rows = await execute(
        conn,
        "with gone as (delete from dirty returning *) select local_identifier as name,"
        " from_time, to_time from gone join individual i on i.id = individual_id",
    )
    return {
        each["name"]: tuple((each[end] - START) // DAY for end in ("from_time", "to_time"))
        for each in rows
    }


async def test_a_file_sent_again_tells_nothing_new(trial) -> None:
    rows = [row("T1", "A", 0, 4), row("T1", "B", 4, None), row("T2", "New")]
    assert (await stated.take_over(trial, 1, rows)).news == 3
    assert await marked(trial) == {"A": (0, 3), "B": (4, 9)}
    assert (await stated.take_over(trial, 1, rows)).news == 0
    assert await marked(trial) == {}


async def test_a_boundary_that_moves_marks_what_lies_between(trial) -> None:
    def told(day: int) -> list[stated.Row]:
        return [row("T1", "A", 0, day, deployment_id="d1"),
                row("T1", "B", day, None, deployment_id="d2")]  # fmt: skip

    await stated.take_over(trial, 1, told(4))
    await marked(trial)
    assert (await stated.take_over(trial, 1, told(7))).news == 2
    assert await marked(trial) == {"A": (4, 6), "B": (4, 6)}


async def terms_of(conn, noun: str, name: str) -> dict[str, str]:
    rows = await execute(
        conn, f"select terms from {noun} where local_identifier = :name", {"name": name}
    )
    return rows[0]["terms"]


async def worn(conn) -> dict[str, dict]:
    """Give the deployments in force, by their tag and first day."""
    rows = await execute(
        conn,
        "select t.local_identifier as tag, lower(d.during) as deploy_on, d.id, d.ref, d.terms,"
        " d.terms_by_hand from deployment d join tag t on t.id = d.tag_id"
        " where d.replaced_at is null and t.local_identifier in ('T1', 'T2')",
    )
    return {
        each["tag"] + (f" {(each['deploy_on'] - START) // DAY}" if each["deploy_on"] else ""): each
        for each in rows
    }


async def terms(conn) -> dict[str, dict[str, str]]:
    return {name: each["terms"] for name, each in (await worn(conn)).items()}


async def test_terms_go_to_the_bird_to_the_tag_and_to_the_deployment(trial) -> None:
    said = {"animal-sex": "f", "tag-model": "X", "deploy-on-person": "Kim", "column-7": "?"}
    await stated.take_over(trial, 1, [row("T1", "A", terms=said)])
    assert await terms_of(trial, "individual", "A") == {"animal-sex": "f"}
    assert await terms_of(trial, "tag", "T1") == {"tag-model": "X"}
    assert await terms(trial) == {"T1": {"deploy-on-person": "Kim", "column-7": "?"}}


async def test_a_row_of_an_implied_deployment_describes_and_states_nothing(trial) -> None:
    said = {"animal-sex": "f", "tag-model": "X", "study-site": "Weir"}
    implied = row("T1", "B", 2, None, terms=said, implied=True, aliases=("SN",), deployment_id="d")
    assert (await stated.take_over(trial, 1, [implied])).news == 1
    assert await worn(trial) == {}
    assert await terms_of(trial, "individual", "B") == {"animal-sex": "f", "study-site": "Weir"}
    assert await terms_of(trial, "tag", "T1") == {"tag-model": "X"}
    assert (await stated.take_over(trial, 1, [implied])).news == 0
    await stated.take_over(trial, 1, [row("T1", "A", 0, 6, deployment_id="d"), implied])
    assert list(await worn(trial)) == ["T1 0"]


TWO = [
    row("T1", "A", 0, 6, terms={"study-site": "Weir", "deployment-end-type": "fall-off"}),
    row("T2", "A", 4, None, terms={"study-site": "Dyke", "animal-sex": "f"}),
]
"""Two tags on one bird in one season, for two days both at once."""
OWN = {
    "T1 0": {"study-site": "Weir", "deployment-end-type": "fall-off"},
    "T2 4": {"study-site": "Dyke"},
}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("together", [True, False])
async def test_two_tags_of_a_bird_keep_their_own_terms(trial, order, together) -> None:
    rows = [TWO[n] for n in order]
    for push in [rows] if together else [[each] for each in rows]:
        assert (await stated.take_over(trial, 1, push)).news == len(push)
    assert await terms(trial) == OWN
    assert await terms_of(trial, "individual", "A") == {"animal-sex": "f"}
    before = await worn(trial)
    assert (await stated.take_over(trial, 1, rows)).news == 0
    assert await worn(trial) == before


async def test_a_tag_that_is_worn_twice_keeps_the_terms_of_each_time(trial) -> None:
    await stated.take_over(trial, 1, [
        row("T1", "A", 0, 3, terms={"attachment-type": "glue"}),
        row("T1", "A", 5, None, terms={"attachment-type": "harness"}),
        row("T1", "B", 3, 5, terms={"attachment-type": "tape"}),
    ])  # fmt: skip
    assert await terms(trial) == {
        "T1 0": {"attachment-type": "glue"}, "T1 3": {"attachment-type": "tape"},
        "T1 5": {"attachment-type": "harness"},
    }  # fmt: skip


@pytest.mark.parametrize("known_before", [{}, {"animal-life-stage": "adult"}])
async def test_a_bird_caught_twice_keeps_age_and_mass_of_each_time(trial, known_before) -> None:
    await execute(trial, "update individual set terms = cast(:said as jsonb) where id = 1",
                  {"said": orjson.dumps(known_before).decode()})  # fmt: skip
    young = {"animal-life-stage": "juvenile", "animal-mass": "3.1"}
    old = {"animal-life-stage": "adult", "animal-mass": "4.6"}
    rows = [row("T1", "A", 0, 3, terms=young), row("T2", "A", 5, None, terms=old)]
    assert (await stated.take_over(trial, 1, rows)).news == 2
    assert await terms(trial) == {"T1 0": young, "T2 5": old}
    assert await terms_of(trial, "individual", "A") == {}
    implied = row("T3", "B", terms=young, implied=True)  # keeps no terms of its own
    await stated.take_over(trial, 1, [implied])
    assert await terms_of(trial, "individual", "B") == young


async def test_a_later_file_changes_a_term_and_moves_no_fix(trial) -> None:
    await stated.take_over(trial, 1, TWO)
    before = await worn(trial)
    await marked(trial)
    later = {"study-site": "Sluice", "duty-cycle": "2 h"}
    version = "select version from study where id = 1"
    (first,) = await execute(trial, version)
    assert (await stated.take_over(trial, 1, [row("T2", "A", 4, None, terms=later)])).news == 1
    after = await worn(trial)
    assert {name: each["terms"] for name, each in after.items()} == OWN | {"T2 4": later}
    assert after["T2 4"]["ref"] == before["T2 4"]["ref"]
    assert await marked(trial) == {}
    (last,) = await execute(trial, version)
    assert last["version"] == first["version"] + 1


async def test_a_boundary_that_moves_takes_the_terms_along(trial) -> None:
    def told(day: int, **said) -> stated.Row:
        return row("T1", "A", 0, day, deployment_id="d1", **said)

    await stated.take_over(trial, 1, [told(4, terms={"study-site": "Weir"})])
    (before,) = (await worn(trial)).values()
    await stated.take_over(trial, 1, [told(7)])
    (after,) = (await worn(trial)).values()
    assert (after["ref"], after["terms"]) == (before["ref"], {"study-site": "Weir"})
    await stated.take_over(trial, 1, [row("T1", "B", 0, 7, deployment_id="d1")])
    (other,) = (await worn(trial)).values()
    assert other["ref"] != before["ref"] and other["terms"] == {}


async def test_what_a_person_decided_of_a_term_no_file_changes(trial) -> None:
    first = row("T1", "A", 0, 6, terms={"study-site": "Weir", "duty-cycle": "1 h", "note": "x"})
    await stated.take_over(trial, 1, [first])
    (made,) = (await worn(trial)).values()
    by_hand = {"study-site": "Old weir", "duty-cycle": "1 h"}  # the note is taken away
    await deployments.amend(
        trial, made["id"], deploy_on=START, deploy_off=START + 6 * DAY, terms=by_hand
    )
    assert (await worn(trial))["T1 0"]["terms_by_hand"] == ["note", "study-site"]
    assert (await stated.take_over(trial, 1, [first])).news == 0
    assert await terms(trial) == {"T1 0": by_hand}
    later = first.terms | {"duty-cycle": "2 h", "study-site": "Wear"}
    assert (await stated.take_over(trial, 1, [replace(first, terms=later)])).news == 1
    (after,) = (await worn(trial)).values()
    assert after["terms"] == {"study-site": "Old weir", "duty-cycle": "2 h"}
    assert after["ref"] == made["ref"]


async def spans(conn) -> list[tuple[str, int | None, int | None]]:
    """Give (bird, first day, last day) of each deployment that stands, null where it is open."""
    rows = await execute(
        conn,
        "select i.local_identifier as bird, lower(during) as first, upper(during) as last"
        " from deployment d join individual i on i.id = d.individual_id"
        " where d.replaced_at is null and d.declared and d.tag_id = 1 order by lower(during)",
    )
    days = [[None if each[end] is None else (each[end] - START) // DAY
             for end in ("first", "last")] for each in rows]  # fmt: skip
    return [(each["bird"], *ends) for each, ends in zip(rows, days, strict=True)]


@pytest.mark.parametrize("name", ["d1", None])
@pytest.mark.parametrize("told", [None, 5, 2])
async def test_an_end_that_a_person_decided_no_file_moves(trial, name, told) -> None:
    first = row("T1", "A", 0, 6, deployment_id=name, terms={"note": "x"})
    await stated.take_over(trial, 1, [first])
    (made,) = (await worn(trial)).values()
    ended = START + 3 * DAY
    await deployments.amend(trial, made["id"], deploy_on=START, deploy_off=ended)
    await marked(trial)
    later = row("T1", "A", 0, told, deployment_id=name, terms={"note": "x"})
    for _ in range(2):
        taken = await stated.take_over(trial, 1, [later])
        assert (taken.news, taken.kept) == (0, [(later, "off", ended)])
        assert (await spans(trial), await marked(trial)) == ([("A", 0, 3)], {})
    says_more = replace(later, terms={"note": "y"})
    assert (await stated.take_over(trial, 1, [says_more])).news == 1
    (after,) = (await worn(trial)).values()
    assert (after["ref"], after["terms"]) == (made["ref"], {"note": "y"})
    assert await spans(trial) == [("A", 0, 3)]
    again = row("T1", "A", 6, None)  # the same bird with the same tag, later
    assert (await stated.take_over(trial, 1, [again])).kept == []
    assert await spans(trial) == [("A", 0, 3), ("A", 6, None)]


async def test_a_boundary_that_a_person_moved_stays_for_both_birds(trial) -> None:
    rows = [row("T1", "A", 0, 4, deployment_id="d1"), row("T1", "B", 4, None, deployment_id="d2")]
    await stated.take_over(trial, 1, rows)
    by_name = {
        each["on"]: each["id"]
        for each in await execute(
            trial, 'select id, lower(during) as "on" from deployment where replaced_at is null'
        )
    }
    moved = START + 6 * DAY
    await deployments.amend(trial, by_name[START + 4 * DAY], deploy_on=moved, deploy_off=None)
    await deployments.amend(trial, by_name[START], deploy_on=START, deploy_off=moved)
    taken = await stated.take_over(trial, 1, rows)
    assert (taken.news, [end for _, end, _ in taken.kept]) == (0, ["off", "on"])
    assert await spans(trial) == [("A", 0, 6), ("B", 6, None)]


async def test_a_deployment_that_a_person_split_stays_split(trial) -> None:
    rows = [row("T1", "A", 0, None, deployment_id="d1")]
    await stated.take_over(trial, 1, rows)
    (made,) = (await worn(trial)).values()
    await deployments.split(trial, made["id"], at=START + 4 * DAY, individual_id=2)
    await stated.take_over(trial, 1, rows)
    assert await spans(trial) == [("A", 0, 4), ("B", 4, None)]


async def test_a_person_may_state_again_what_a_person_decided(trial) -> None:
    first = {"deploy_on": START, "local_identifier": "d1"}
    await deployments.declare(trial, 1, 1, 1, **first, deploy_off=START + 3 * DAY)
    await deployments.declare(trial, 1, 1, 1, **first, deploy_off=START + 5 * DAY)
    await stated.take_over(trial, 1, [row("T1", "A", 0, None, deployment_id="d1")])
    assert await spans(trial) == [("A", 0, 5)]


async def test_a_deployment_stated_by_hand_again_keeps_what_it_does_not_name(trial) -> None:
    await stated.take_over(trial, 1, TWO[:1])
    when = {"deploy_on": START, "deploy_off": START + 6 * DAY}
    (made,) = (await worn(trial)).values()
    assert await deployments.declare(trial, 1, 1, 1, **when) == made["id"]
    await deployments.declare(trial, 1, 1, 1, **when, terms={"study-site": "Old weir"})
    await stated.take_over(trial, 1, TWO[:1])
    assert await terms(trial) == {"T1 0": OWN["T1 0"] | {"study-site": "Old weir"}}


async def mixed(conn) -> None:
    """Leave what versions before kept: the last row's terms with the bird, none elsewhere."""
    await stated.take_over(conn, 1, [replace(each, terms={}) for each in TWO])
    said = '{"study-site": "Dyke", "deployment-end-type": "fall-off", "animal-sex": "f"}'
    await execute(conn, "update individual set terms = cast(:said as jsonb)"
                  " where local_identifier = 'A'", {"said": said})  # fmt: skip


@pytest.mark.parametrize("take", [stated.take_over, stated.recall])
async def test_terms_that_were_kept_with_the_bird_go_to_their_deployments(trial, take) -> None:
    await mixed(trial)
    await take(trial, 1, TWO)
    assert await terms(trial) == OWN
    assert await terms_of(trial, "individual", "A") == {"animal-sex": "f"}


async def test_a_file_read_again_tells_terms_and_leaves_what_was_corrected_since(trial) -> None:
    await mixed(trial)
    (one,) = (each for name, each in (await worn(trial)).items() if name == "T1 0")
    ended = {"deployment-end-type": "dead"}
    await deployments.amend(trial, one["id"], deploy_on=START, deploy_off=START + 3 * DAY,
                            terms=ended)  # fmt: skip
    await execute(
        trial,
        'update individual set terms = terms || \'{"animal-sex": "m"}\' where id = 1',
    )
    told = [replace(TWO[0], deployment_id="d1"), TWO[1]]
    await execute(trial, "update deployment set local_identifier = 'd1' where tag_id = 1")
    await marked(trial)
    await stated.recall(trial, 1, told)
    assert await terms(trial) == {"T1 0": {"study-site": "Weir"} | ended, "T2 4": OWN["T2 4"]}
    ends = await execute(
        trial,
        "select upper(during) as last, ref from deployment where tag_id = 1"
        " and replaced_at is null",
    )
    assert ends == [{"last": START + 3 * DAY, "ref": one["ref"]}]
    assert await terms_of(trial, "individual", "A") == {"animal-sex": "m"}
    assert await marked(trial) == {}
    gone = [row("T1", "B", 1, 2, terms={"study-site": "Nowhere"})]
    await stated.recall(trial, 1, gone)
    assert len(await worn(trial)) == 2


async def test_other_names_of_a_tag_are_taken_over(trial) -> None:
    called = [row("T1", "A", aliases=("SN-1", "K 01")), row("T2", "B", aliases=("SN-2",))]
    assert (await stated.take_over(trial, 1, called)).news == 2
    assert (await stated.take_over(trial, 1, called)).news == 0
    assert (await stated.take_over(trial, 1, [row("T2", "B", aliases=("SN-3",))])).news == 1
    rows = await execute(
        trial,
        "select local_identifier as tag, alias, made_by from tag_alias join tag on id = tag_id"
        " order by 1, 2",
    )
    assert [tuple(each.values()) for each in rows] == [
        ("T1", "K 01", "the sender"), ("T1", "SN-1", "the sender"),
        ("T2", "SN-2", "the sender"), ("T2", "SN-3", "the sender"),
    ]  # fmt: skip
    assert set((await names.name_tags(trial, 1, ["SN-1", "T1"])).values()) == {1}


async def test_a_tag_with_which_nothing_is_stored_becomes_an_alias_of_another(trial) -> None:
    await names.name_tags(trial, 1, ["SN-1"])
    assert (await stated.take_over(trial, 1, [row("T1", "A", aliases=("SN-1",))])).news == 1


@pytest.mark.parametrize(("alias", "code"), [("T1", "alias-is-tag"), ("SN-1", "alias-taken")])
async def test_an_alias_that_is_anothers_is_a_contradiction(trial, alias, code) -> None:
    await stated.take_over(trial, 1, [row("T1", "A", aliases=("SN-1",))])
    with pytest.raises(Conflict) as clash:
        await stated.take_over(trial, 1, [row("T2", "B", aliases=(alias,))])
    assert clash.value.code == code


async def test_a_contradiction_names_its_row(trial) -> None:
    with pytest.raises(Conflict, match="'T1' on 'B'"):
        await stated.take_over(trial, 1, [row("T1", "A"), row("T1", "B", 3, 5)])


async def test_rows_in_any_order_lock_as_events_do(store, meets) -> None:
    """Events hold the first bird and want the second; the file names the second first."""

    async def reference() -> None:
        async with store.write() as conn:
            await stated.take_over(conn, 1, [row("T8", "B"), row("T9", "A")])

    async def go_on() -> None:
        await names.name_individuals(conn, 1, [("B", None, "white_naped_crane")])
        await conn.commit()

    async with store.engine.connect() as conn:
        await names.name_individuals(conn, 1, [("A", None, "white_naped_crane")])
        await meets(go_on, reference())
    async with store.read() as conn:
        rows = await execute(conn, "select deadlocks from pg_stat_database"
                             " where datname = current_database()")  # fmt: skip
    assert rows[0]["deadlocks"] == 0
