"""A tag that lies still leaves every product, until a person decides, and comes back exactly."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.movement.simulate import flock_csv
from app.store import lifeless, lifeless_verdicts, morning
from app.store.lifeless_verdicts import Decision
from tests.flow.conftest import Service, filled, flock
from tests.flow.edits import stale

ALIVE = flock(seed=21, birds=1, days=32, interval_s=14_400.0, gaps_per_year=0.0, late_per_year=0.0,
              gross_error_share=0.0)  # fmt: skip
HEADER, *LINES = flock_csv(ALIVE).decode().splitlines()
DEAD = datetime(2024, 7, 14, 5, tzinfo=UTC)


def at(line: str) -> datetime:
    return datetime.fromisoformat(line.split(",")[2]).replace(tzinfo=UTC)


def dead_lines() -> list[str]:
    """The same life, ended: from DEAD on every fix is where the bird was then."""
    place = next(line for line in LINES if at(line) >= DEAD).split(",")[3:5]
    rng = random.Random(3)

    def lie(line: str) -> str:
        cells = line.split(",")
        cells[3:5] = (f"{float(value) + rng.gauss(0, 1e-4):.6f}" for value in place)
        return ",".join(cells)

    return [line if at(line) < DEAD else lie(line) for line in LINES]


DIED = dead_lines()
KNOWN = [line for line in DIED if at(line) < DEAD + timedelta(days=9)]


def csv(lines: list[str]) -> bytes:
    return "\n".join([HEADER, *lines]).encode() + b"\n"


async def suspicions(service: Service) -> list[dict]:
    async with service.store.read() as conn:
        return await lifeless.page(conn, service.audience, limit=10)


async def decided(service: Service, said: Decision) -> dict:
    (found,) = await suspicions(service)
    async with service.store.write() as conn:
        row = await lifeless_verdicts.decide(conn, service.audience, found["ref"], said)
    await service.drain()
    return row


async def undone(service: Service, ref) -> None:
    async with service.store.write() as conn:
        await lifeless_verdicts.undo(conn, service.audience, ref)
    await service.drain()


async def last_shown(service: Service) -> datetime:
    rows = await service.rows("select max(time) as t from fix where visible")
    return rows[0]["t"]


@pytest.fixture(scope="module")
def dead(new_database) -> str:
    return filled(new_database(), [csv(KNOWN)])


@pytest.fixture
async def died(dead, new_copy) -> Service:
    return await new_copy(dead)


async def test_a_death_is_suspected_and_leaves_every_product(died, new_service) -> None:
    (found,) = await suspicions(died)
    assert abs(found["start_time"] - DEAD) < timedelta(hours=12)
    assert (found["method"], found["still_radius_m"], found["still_min_s"]) == (
        "lifeless 1", 100.0, 604_800.0,
    )  # fmt: skip
    other = await new_service()
    await other.push(csv([line for line in KNOWN if at(line) < found["start_time"]]))
    await other.drain()
    have, want = await died.content(), await other.content()
    assert have["operator"] == want["operator"]
    (bird,) = {*have} - {"operator"}
    told = {"lifeless", "fix_flag", "fix", "recent"}  # it is still heard of
    assert {t for t in have[bird] if have[bird][t] != want[bird][t]} == told
    flags = await died.rows("select count(*) as n from fix_flag where code = :c",
                            c="suspected-dead-or-dropped")  # fmt: skip
    assert flags[0]["n"] == len([line for line in KNOWN if at(line) >= found["start_time"]])


async def test_fix_by_fix_in_any_order_ends_in_the_same(died, new_service) -> None:
    want = await died.content()
    late = [line for line in KNOWN if at(line) >= DEAD - timedelta(days=3)]
    for seed in (0, 1):
        other = await new_service()
        rng = random.Random(seed)
        pieces = [late[i::7] for i in range(7)] + [[line for line in KNOWN if line not in late]]
        rng.shuffle(pieces)
        for piece in pieces:
            await other.push(csv(piece))
            await other.drain()
        assert await other.content() == want


async def test_life_again_withdraws_the_suspicion_exactly(died, new_service) -> None:
    after = [line for line in LINES if at(line) >= DEAD + timedelta(days=9)]
    await died.push(csv(after))
    assert await stale(died) == {}
    assert await suspicions(died) == []
    assert await last_shown(died) == max(map(at, LINES))
    other = await new_service()
    await other.push(csv(after + KNOWN))
    await other.drain()
    assert await other.content() == await died.content()


async def test_a_dismissal_brings_the_fixes_back_and_holds(died) -> None:
    before = await died.content()
    row = await decided(died, Decision("dismiss", "Kim", "in an aviary until spring"))
    (found,) = await suspicions(died)
    assert (found["dismissed"], found["dismissal"]) == (True, row["ref"])
    assert await last_shown(died) == max(map(at, KNOWN))
    assert await stale(died) == {}
    dismissed = await died.content()
    await died.push(csv(DIED))  # it lies on: the same tag, the same place
    assert await stale(died) == {}
    assert [s["dismissed"] for s in await suspicions(died)] == [True]
    assert await last_shown(died) == max(map(at, DIED))
    assert await died.content() != dismissed
    await undone(died, row["ref"])
    assert await stale(died) == {}
    assert [s["dismissed"] for s in await suspicions(died)] == [False]
    assert (await died.content())["operator"] == before["operator"]


@pytest.mark.parametrize("declared", [False, True])
async def test_a_confirmation_ends_the_deployment_and_its_undo_restores_it(
    service, declared
) -> None:
    bird = ALIVE.birds[0]
    if declared:
        await service.push(
            b"tag-id,animal-id,deploy-on-date,deploy-off-date,deployment-id\n"
            + f"{bird.tag_identifier},{bird.local_identifier},2024-07-01,,d1\n".encode()
        )
    await service.push(csv(KNOWN))
    await service.drain()
    before = await service.content()
    worn = "select lower(during) as a, upper(during) as b, declared, terms from deployment"
    worn += " where replaced_at is null"
    was = await service.rows(worn)
    (found,) = await suspicions(service)
    row = await decided(service, Decision("confirm", "Kim", "ring found", end_type="dead"))
    assert await stale(service) == {}
    assert await suspicions(service) == []
    (now,) = await service.rows(worn)
    assert (now["b"], now["terms"]["deployment-end-type"]) == (found["start_time"], "dead")
    after = await service.content()
    assert after["operator"] == before["operator"]
    await undone(service, row["ref"])
    assert await service.rows(worn) == was
    assert await service.content() == before


async def test_a_file_with_an_open_end_leaves_a_confirmed_death_and_says_so(service) -> None:
    bird = ALIVE.birds[0]
    file = (
        "tag-id,animal-id,deploy-on-date,deploy-off-date,deployment-id\n"
        f"{bird.tag_identifier},{bird.local_identifier},2024-07-01,,d1\n"
    ).encode()
    await service.push(file)
    await service.push(csv(KNOWN))
    await service.drain()
    worn = "select ref, upper(during) as b from deployment where replaced_at is null"
    newest = "select warnings, stored from decoding order by id desc limit 1"
    was = await service.rows(worn)
    row = await decided(service, Decision("confirm", "Kim", "ring found", end_type="dead"))
    ended = await service.rows(worn)
    assert ended[0]["b"] is not None
    await service.push(file + b"\n")  # the same once more, in other bytes
    await service.drain()
    assert await service.rows(worn) == ended
    (told,) = await service.rows(newest)
    (warning,) = told["warnings"]
    assert (warning["code"], told["stored"]) == ("deployment-kept", 0)
    assert warning["detail"] == (
        "Ends of deployments stay as a person decided (1): "
        f"tag {bird.tag_identifier!r} on {bird.local_identifier!r} ends: "
        f"{ended[0]['b']:%Y-%m-%dT%H:%M:%SZ}."
    )
    await undone(service, row["ref"])
    assert await service.rows(worn) == was
    await service.push(file + b"\n\n")
    await service.drain()
    assert (await service.rows(newest)) == [{"warnings": [], "stored": 0}]


async def test_readings_that_tell_of_life_withdraw_it_whenever_they_come(died, new_service) -> None:
    tag = ALIVE.birds[0].tag_identifier
    rng = random.Random(1)
    times = [DEAD - timedelta(days=12) + timedelta(hours=2 * n) for n in range(21 * 12)]
    rows = [{"tag": tag, "time": t.isoformat(), "activity": rng.uniform(10, 200)} for t in times]
    stirring = json.dumps({"fixes": rows}).encode()
    await died.push(stirring)
    assert await stale(died) == {}
    assert await suspicions(died) == []
    other = await new_service()
    await other.push(stirring)
    await other.push(csv(KNOWN))
    await other.drain()
    assert await other.content() == await died.content()


async def test_a_dropped_tag_leaves_its_bird_to_the_other_tag(died, new_service) -> None:
    tag = ALIVE.birds[0].tag_identifier
    second = csv([line.replace(f",{tag},", ",second,") for line in LINES if at(line) >= DEAD])
    await died.push(second)
    assert await stale(died) == {}
    (found,) = await suspicions(died)
    assert found["tag"] == tag
    shown = await died.rows(
        "select t.local_identifier as tag, max(f.time) as last, bool_and(f.visible) as all"
        " from fix f join tag t on t.id = f.tag_id group by 1 order by 1"
    )
    assert {row["tag"]: row["all"] for row in shown} == {tag: False, "second": True}
    now = max(row["last"] for row in shown)
    async with died.store.read() as conn:
        (bird,) = await morning.birds(conn, died.audience, now=now)
    assert bird["tag"] == "second"
    assert bird["still_since"] is None
    assert bird["state"] != "suspected_dead_or_dropped"
    other = await new_service()
    await other.push(second)
    await other.push(csv([line for line in KNOWN if at(line) < found["start_time"]]))
    await other.drain()
    assert (await other.content())["operator"] == (await died.content())["operator"]
