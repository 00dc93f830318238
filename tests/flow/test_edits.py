"""Whatever is pushed and edited, in whatever order: what is stored equals a rebuild."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from app.movement.simulate import flock_csv
from app.pipeline.decode import decode_in
from app.store import decodings, studies, work, worn
from tests.flow.conftest import flock
from tests.flow.edits import (
    BIRDS,
    EVENTS,
    LINES,
    REFERENCE,
    START,
    TAXON,
    csv,
    die_half_way,
    edit,
    stale,
)


async def test_a_better_taxon_in_later_rows_derives_the_whole_life_again(service, new_service):
    birds = flock(seed=4, birds=1, days=300, interval_s=21_600.0)
    _, *year = flock_csv(birds).decode().splitlines()
    early, late = year[:-20], year[-20:]
    unknown = [line.replace(birds.birds[0].scientific_name, "A bird") for line in early]
    assert unknown != early
    await service.push(csv(unknown))
    await service.drain()
    await service.push(csv(late))
    assert await stale(service) == {}
    other = await new_service()
    await other.push(csv(late))
    await other.drain()
    await other.push(csv(unknown))
    await other.drain()
    assert await other.content() == await service.content()


async def test_a_taxon_of_the_study_reaches_birds_that_have_none(service):
    await service.push(csv([line.replace(TAXON, "") for line in LINES]))
    await service.drain()
    study = await service.rows("select ref from study")
    async with service.store.write() as conn:
        await studies.edit(conn, service.audience, study[0]["ref"], {"taxon": TAXON})
    assert await stale(service) == {}
    keys = await service.rows("select distinct species_key from individual")
    assert {row["species_key"] for row in keys} == {"white_naped_crane", "black_faced_spoonbill"}


@pytest.mark.parametrize("at_hand_bytes", [decodings.GIVEN_BACK_BYTES, 0])
async def test_a_push_that_is_read_again_often_is_never_given_up(
    service, monkeypatch, at_hand_bytes
):
    """
    Each push whose fixes it repeats goes elsewhere in turn: what it repeated is its own then.

    A large one is not read again at once but waits, and each try is counted.
    """
    monkeypatch.setattr(decodings, "GIVEN_BACK_BYTES", at_hand_bytes)
    some, n = LINES[::24], work.ATTEMPTS_MAX + 2
    parts = [some[part::n] for part in range(n)]
    for part in parts:
        await service.push(csv(part))
    again = await service.push(csv(some))
    await service.drain()
    assert (await service.receipt(again.ref))["duplicates"] == len(some)
    left = len(some)
    for part in parts:
        await service.push(csv(part), tz="UTC+1")
        await service.drain()
        left -= len(part)
        receipt = await service.receipt(again.ref)
        assert (receipt["state"], receipt["duplicates"]) == ("processed", left)


def worn_csv(*rows: tuple[str, str, str, str, str]) -> bytes:
    lines = ["deployment-id,tag-id,animal-id,deploy-on-date,deploy-off-date"]
    return "\n".join([*lines, *(",".join(row) for row in rows)]).encode() + b"\n"


@pytest.mark.parametrize("changed", ["2024-07-25", "2024-07-05"])
async def test_a_redeployment_moves_in_corrected_reference_data(service, changed):
    tag = BIRDS.birds[0].tag_identifier
    ends = ("2024-07-01", "2024-07-15", changed)
    for middle in ends[1:]:
        kept = await service.push(
            worn_csv(("d1", tag, "One", ends[0], middle), ("d2", tag, "Two", middle, ""))
        )
        await service.push(EVENTS)
        assert await stale(service) == {}
        assert (await service.receipt(kept.ref))["state"] == "processed"
    rows = await service.rows(
        "select lower(during) as start from deployment where local_identifier = 'd2'"
        " and replaced_at is null"
    )
    assert [row["start"].date().isoformat() for row in rows] == [changed]


async def test_of_two_files_the_one_sent_last_has_the_last_word_whichever_is_read_first(service):
    """A small push is read before a large one that was sent before it."""
    full = await service.push(
        worn_csv(("d1", "T1", "One", "2024-07-01", ""), ("d2", "T2", "Two", "2024-07-01", ""))
    )
    corrected = await service.push(worn_csv(("d1", "T1", "Other", "2024-07-05", "")))
    async with service.store.write() as conn:
        assert await decode_in(conn, corrected.decoding_id)
    await service.drain()
    for each in (full, corrected):
        assert (await service.receipt(each.ref))["state"] == "processed"
    rows = await service.rows(
        "select d.local_identifier as name, i.local_identifier as bird from deployment d"
        " join individual i on i.id = d.individual_id where d.replaced_at is null order by 1"
    )
    assert [tuple(row.values()) for row in rows] == [("d1", "Other"), ("d2", "Two")]


async def test_reference_data_that_contradict_themselves_fail_with_the_reason(service):
    kept = await service.push(
        worn_csv(
            ("d1", "T", "One", "2024-07-01", "2024-07-20"), ("d2", "T", "Two", "2024-07-10", "")
        )
    )
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert receipt["state"] == "failed"
    assert receipt["problem"]["code"] == "deployment-overlaps"
    assert await service.count("deployment") == 0


async def test_flags_of_the_track_leave_a_fix_that_nobody_wears(service):
    await service.push(REFERENCE)
    await service.push(EVENTS)
    await service.drain()
    flagged = "select count(*) as n from fix_flag where origin = 'track'"
    assert (await service.rows(flagged))[0]["n"] > 0
    async with service.store.write() as conn:
        for row in await worn.page(conn, service.audience, limit=10):
            # An end before the first fix: nothing was worn.
            await worn.edit(
                conn, service.audience, row["ref"],
                {"deploy_on": START - timedelta(days=9), "deploy_off": START - timedelta(days=8)},
            )  # fmt: skip
    assert await stale(service) == {}
    assert (await service.rows(flagged))[0]["n"] == 0
    hidden = "select count(*) as n from fix f where not visible and not exists (select from"
    assert (
        await service.rows(
            f"{hidden} fix_flag g where (g.tag_id, g.time, g.sensor, g.variant)"
            " = (f.tag_id, f.time, f.sensor, f.variant))"
        )
    )[0]["n"] == 0


async def test_two_names_for_one_bird_end_alike_in_any_order(new_service):
    first = BIRDS.birds[0].local_identifier
    renamed = csv([line.replace(first, "A") for line in LINES])
    content = []
    for bodies in ([EVENTS, renamed], [renamed, EVENTS]):
        made = await new_service()
        for body in bodies:
            await made.push(body)
            await made.drain()
        content.append(await made.content())
    assert content[0] == content[1]


async def test_stopovers_are_there_before_all_else_and_who_dies_between_is_mended(service):
    rng = random.Random(8)
    await service.push(EVENTS)
    for _ in range(4):
        await die_half_way(service, rng)
        half = await service.content()
        assert await service.count("dirty") > 0
        assert not await service.rows("select from push_wait where subject like 'product%'")
        assert await stale(service) == {}
        whole = await service.content()
        for name, tables in half.items():
            for table in {"stay", "stopover", "leg", "season"} & tables.keys():
                assert tables[table] == whole[name][table], table
        done = [await edit(service, rng) for _ in range(3)]
        assert done


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_edits_what_is_stored_equals_a_rebuild(service, seed):
    """Fifteen edits or so; `make bench` makes three hundred."""
    rng = random.Random(seed)
    for _ in range(6):
        done = [await edit(service, rng) for _ in range(rng.randrange(1, 5))]
        assert await stale(service) == {}, done
