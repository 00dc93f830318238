"""Whatever is pushed and edited, in whatever order: what is stored equals a rebuild."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline.verify import verify
from app.store import observations, parameters, studies, verdicts, worn
from app.store.engine import execute
from tests.flow.conftest import Service, flock
from tests.flow.test_deliveries import split

BIRDS = flock(seed=9, birds=2, days=45, interval_s=14_400.0, gross_error_share=0.03)
EVENTS, REFERENCE = flock_csv(BIRDS), reference_csv(BIRDS)
HEADER, *LINES = EVENTS.decode().splitlines()
TAXON = BIRDS.birds[0].scientific_name
START = datetime(2024, 7, 1, tzinfo=UTC)


def csv(lines: list[str]) -> bytes:
    return "\n".join([HEADER, *lines]).encode() + b"\n"


async def stale(service: Service) -> dict[str, tuple[str, ...]]:
    """Derive what waits; return what differs from a rebuild, by bird or catalogue."""
    await service.drain()
    return {v.name: v.differs async for v in verify(service.store) if v.differs}


async def test_a_better_taxon_in_later_rows_derives_the_whole_life_again(service, new_service):
    birds = flock(seed=4, birds=1, days=300)
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


async def test_a_push_that_is_read_again_often_is_never_given_up(service):
    await service.push(EVENTS)
    await service.push(csv(LINES[::2]))
    again = await service.push(csv(LINES[::-1]))
    for hours in range(1, 8):
        await service.push(EVENTS, tz=f"UTC+{hours}")
        await service.drain()
    assert (await service.receipt(again.ref))["state"] == "processed"


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


def revisions(rng: random.Random) -> bytes:
    """Fixes under ids of their provider, some of them far off, each in one of three revisions."""
    bird = rng.choice(BIRDS.birds)
    fixes = []
    for _ in range(rng.randrange(1, 12)):
        number = rng.randrange(20)
        revision = rng.randrange(3)
        fixes.append({
            "id": str(number), "revision": revision, "tag": bird.tag_identifier,
            "individual": bird.local_identifier, "sensor": "gps",
            "time": (START + timedelta(hours=50 * number + 5 * revision)).isoformat(),
            "lon": 120 + revision + rng.randrange(2), "lat": 40 + number / 4,
        })  # fmt: skip
    return json.dumps({"fixes": fixes}).encode()


async def _push(service: Service, rng: random.Random) -> None:
    piece = split(EVENTS, 6, seed=rng.randrange(9))[0]
    await service.push(piece, tz=rng.choice(["UTC", "UTC+8"]))


async def _revise(service: Service, rng: random.Random) -> None:
    await service.push(revisions(rng))


async def _refer(service: Service, rng: random.Random) -> None:
    del rng
    await service.push(REFERENCE)


async def _wear(service: Service, rng: random.Random) -> None:
    """Amend, split, withdraw or add a deployment."""
    when = START + timedelta(hours=rng.randrange(24 * 45))
    async with service.store.write() as conn:
        known = await worn.page(conn, service.audience, limit=50)
        birds = await execute(conn, "select ref from individual order by local_identifier")
        tags = await execute(conn, "select ref from tag order by local_identifier")
        if not known:
            if tags and birds:
                await worn.add(
                    conn, service.audience, tag=rng.choice(tags)["ref"],
                    individual=rng.choice(birds)["ref"], deploy_on=when,
                    deploy_off=when + timedelta(days=20), local_identifier=None, terms={},
                )  # fmt: skip
            return
        row = rng.choice(known)
        low, high = row["deploy_on"], row["deploy_off"]
        inside = (low is None or when > low) and (high is None or when < high)
        action = rng.choice(["edit", "split", "withdraw"])
        if action == "withdraw":
            await worn.withdraw(conn, service.audience, row["ref"])
        elif action == "split" and inside:
            bird = rng.choice(birds)["ref"]
            await worn.split(conn, service.audience, row["ref"], at=when, individual=bird)
        elif inside:
            await worn.edit(conn, service.audience, row["ref"], {"deploy_off": when})


async def _decide(service: Service, rng: random.Random) -> None:
    async with service.store.write() as conn:
        rows = await execute(
            conn,
            "select f.time, f.sensor, f.variant, t.ref from fix f join tag t on t.id = f.tag_id"
            " where f.live order by t.local_identifier, f.time, f.sensor, f.variant",
        )
        if not rows:
            return
        fix = rng.choice(rows)
        name = verdicts.FixName(
            time=fix["time"], tag=fix["ref"], sensor=fix["sensor"], variant=fix["variant"]
        )
        row = await verdicts.decide(
            conn, service.audience, name, verdict=rng.choice(["hide", "show"]), reason="seen"
        )
        if rng.random() < 0.3:
            await verdicts.undo(conn, service.audience, row["id"])


async def _protect(service: Service, rng: random.Random) -> None:
    changes = rng.choice([
        {"visibility": "open"}, {"visibility": "private"}, {"public_grid_deg": 0.25},
        {"release_delay_s": 86_400}, {"taxon": TAXON}, {"taxon": None},
    ])  # fmt: skip
    study = await service.rows("select ref from study")
    async with service.store.write() as conn:
        await studies.edit(conn, service.audience, study[0]["ref"], changes)


async def _observe(service: Service, rng: random.Random) -> None:
    """Correct a stopover, or take a correction back."""
    stays = await service.rows(
        "select s.ref, arrival_time_latest as a from stopover s join individual i"
        " on i.id = s.individual_id order by i.local_identifier, a"
    )
    said = await service.rows("select ref from observation where undone_at is null order by id")
    async with service.store.write() as conn:
        if said and rng.random() < 0.4:
            await observations.take_back(conn, service.audience, rng.choice(said)["ref"])
        elif stays:
            stay = rng.choice(stays)
            values = {"arrival_time": stay["a"] - timedelta(hours=rng.randrange(1, 99)),
                      "kind": rng.choice(["staging", "breeding"])}  # fmt: skip
            await observations.correct(
                conn, service.audience, "stopover", {"stopover": stay["ref"]},
                observations.Correction(values, "Kim"),
            )  # fmt: skip


async def _tune(service: Service, rng: random.Random) -> None:
    values = {"speed_max_m_s": rng.choice([8.0, 20.0])}
    async with service.store.write() as conn:
        await parameters.put(conn, service.audience, service.study_id, "white_naped_crane",
                             said=values, note="")  # fmt: skip
        if rng.random() < 0.5:
            await parameters.take_back(
                conn, service.audience, service.study_id, "white_naped_crane"
            )


EDITS = (_push, _push, _push, _revise, _revise, _refer, _wear, _wear, _wear, _decide, _protect,
         _observe, _observe, _tune)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_edits_what_is_stored_equals_a_rebuild(service, seed):
    rng = random.Random(seed)
    for _ in range(6):
        done = [rng.choice(EDITS) for _ in range(rng.randrange(1, 5))]
        for edit in done:
            await edit(service, rng)
        assert await stale(service) == {}, [edit.__name__ for edit in done]
