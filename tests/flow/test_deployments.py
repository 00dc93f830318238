"""Who wore a tag is told late, split or corrected: exactly the fixes whose bird changes move."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline.verify import verify
from app.store import content, reference, worn
from tests.flow.conftest import Service, flock
from tests.flow.test_late import csv_of
from tests.flow.test_real_birds import BITTERNS

BIRDS = flock(seed=12, birds=3, days=40, interval_s=14_400.0)
EVENTS, REFERENCE = flock_csv(BIRDS), reference_csv(BIRDS)
START = datetime(2024, 7, 1, tzinfo=UTC)
TAGS = sorted(bird.tag_identifier for bird in BIRDS.birds)
SOME_TAGS = ("1936", "1939", "1941", "29644")
"""Of ten that bitterns wore: two of these one after the other on the same bird."""
DERIVED = [table for table in content.BIRD_TABLES if table != "stop_state"]


def without_names(body: bytes) -> bytes:
    """Take the column of individuals out of event data."""
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    kept = [name for name in rows[0] if name != "individual-local-identifier"]
    out = io.StringIO()
    writer = csv.DictWriter(out, kept, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def worn_csv(rows: list[tuple[str, str, str, str]]) -> bytes:
    lines = ["tag-id,animal-id,deploy-on-date,deploy-off-date", *(",".join(row) for row in rows)]
    return "\n".join(lines).encode() + b"\n"


async def versions(service: Service) -> dict[str, set[tuple[str, str]]]:
    """Give the derived rows of each bird with the transaction that wrote them."""
    found: dict[str, set[tuple[str, str]]] = {}
    for table in DERIVED:
        for row in await service.rows(
            f"select i.local_identifier as bird, x.ctid::text || x.xmin::text as v from {table} x"
            " join individual i on i.id = x.individual_id"
        ):
            found.setdefault(row["bird"], set()).add((table, row["v"]))
    return found


async def waiting_birds(service: Service) -> list[str]:
    rows = await service.rows(
        "select i.local_identifier as bird from dirty join individual i on i.id = individual_id"
        " order by 1"
    )
    return [row["bird"] for row in rows]


async def settle(service: Service, moved: list[str]) -> None:
    """Derive what waits: the birds that gain or lose fixes, no others; the end is a rebuild."""
    before = await versions(service)
    assert await waiting_birds(service) == sorted(moved)
    await service.drain()
    after = await versions(service)
    for bird in before.keys() - set(moved):
        assert before[bird] == after[bird], bird
    assert not [v.name async for v in verify(service.store) if v.differs]


async def refs(service: Service, noun: str) -> dict[str, object]:
    return {
        row["name"]: row["ref"]
        for row in await service.rows(f"select local_identifier as name, ref from {noun}")
    }


async def test_edits_splits_and_late_deployments_move_their_fixes_alone(
    service: Service, new_service: Callable
) -> None:
    await service.push(without_names(EVENTS))
    kept = await service.push(without_names(EVENTS) + b"\n")
    await service.push(REFERENCE)
    await service.drain()
    assert (await service.receipt(kept.ref))["undeployed"] == 0
    birds, who = await refs(service, "individual"), service.audience
    a, b, c = sorted(birds)
    async with service.store.write() as conn:
        rows = {row["individual_name"]: row for row in await worn.page(conn, who, limit=9)}
        middle = START + timedelta(days=20)
        rest = await worn.split(conn, who, rows[a]["ref"], at=middle, individual=birds[b])
    await settle(service, [a, b])
    async with service.store.write() as conn:
        await worn.edit(conn, who, rest["ref"], {"deploy_on": middle + timedelta(days=1)})
    await settle(service, [b])  # the day between is nobody's
    async with service.store.write() as conn:
        await worn.edit(conn, who, rest["ref"], {"terms": {"deployment-comments": "seen"}})
        far = {"deploy_off": START + timedelta(days=400)}
        await worn.edit(conn, who, rows[c]["ref"], far)
    assert await waiting_birds(service) == []  # no fix has changed its bird
    day = {"deploy_on": middle, "deploy_off": middle + timedelta(days=1)}
    async with service.store.write() as conn:
        await worn.add(
            conn, who, tag=rest["tag"], individual=birds[c], local_identifier=None, terms={}, **day
        )
    await settle(service, [c])
    other = await new_service()
    async with service.store.read() as conn:
        told = [
            (row["tag_name"], row["individual_name"], _text(row["deploy_on"]),
             _text(row["deploy_off"]))
            for row in await worn.page(conn, who, limit=9)
        ]  # fmt: skip
    await other.push(REFERENCE)
    await other.drain()
    async with other.store.write() as conn:
        for row in await worn.page(conn, other.audience, limit=9):
            await worn.withdraw(conn, other.audience, row["ref"])
    await other.push(worn_csv(told))
    await other.push(without_names(EVENTS))
    await other.drain()
    assert await other.content() == await service.content()


def _text(time: datetime | None) -> str:
    return "" if time is None else time.strftime("%Y-%m-%d %H:%M:%S.%f")


async def test_fixes_wait_with_their_tag_and_are_told_of(service: Service) -> None:
    kept = await service.push(without_names(EVENTS))
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert receipt["undeployed"] == receipt["stored"]
    assert [each["local_identifier"] for each in receipt["undeployed_tags"]] == TAGS
    assert sum(each["n_fixes"] for each in receipt["undeployed_tags"]) == receipt["stored"]
    assert await service.count("individual") == 0
    await service.push(
        worn_csv([(TAGS[0], "One", "2024-07-10", "2024-07-20"), (TAGS[1], "Two", "", "")])
    )
    await service.drain()
    async with service.store.read() as conn:
        found = await reference.tags(conn, service.audience, limit=9, waiting=True)
        every = await reference.tags(conn, service.audience, limit=9)
    assert [row["local_identifier"] for row in found] == [TAGS[0], TAGS[2]]
    assert [row["undeployed_n"] > 0 for row in every] == [
        row["local_identifier"] != TAGS[1] for row in every
    ]
    expected = await service.rows(
        "select count(*) as n, min(time) as first, max(time) as last from fix join tag t"
        " on t.id = tag_id where t.local_identifier = :tag and not time <@ tstzrange("
        " '2024-07-10Z', '2024-07-20Z')",
        tag=TAGS[0],
    )
    named = [f"undeployed_{part}" for part in ("n", "first", "last")]
    assert tuple(found[0][name] for name in named) == tuple(expected[0].values())
    receipt = await service.receipt(kept.ref)
    assert receipt["undeployed"] == sum(row["undeployed_n"] for row in every)


@pytest.mark.parametrize("late", [False, True], ids=["stated first", "stated late"])
async def test_no_bittern_gets_the_fix_of_another(
    service: Service, shared_data: Path, *, late: bool
) -> None:
    """11 birds on 4 tags: ranges from the column of birds, which the events then lack."""
    every = csv.DictReader(io.StringIO((shared_data / BITTERNS).read_text()))
    rows = [row for row in every if row["tag-local-identifier"] in SOME_TAGS]
    events = csv_of(rows)
    times: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = (row["tag-local-identifier"], row["individual-local-identifier"])
        times.setdefault(key, []).append(row["timestamp"])
    assert (len({bird for _, bird in times}), len({tag for tag, _ in times})) == (11, 4)
    told = worn_csv([(tag, bird, min(t), _after(max(t))) for (tag, bird), t in times.items()])
    for body in [without_names(events), told] if late else [told, without_names(events)]:
        await service.push(body)
        await service.drain()
    found = await service.rows(
        # The other solution of a pass may stand; the file has the first one.
        "select t.local_identifier as tag, i.local_identifier as bird, f.time,"
        " case f.solution when 2 then f.lon2 else f.lon end as lon,"
        " case f.solution when 2 then f.lat2 else f.lat end as lat"
        " from fix f join tag t on t.id = f.tag_id left join deployment d on d.tag_id = f.tag_id"
        " and d.replaced_at is null and d.during @> f.time"
        " left join individual i on i.id = d.individual_id where f.live"
    )
    true = {
        (row["tag-local-identifier"], row["timestamp"][:19], float(row["location-long"]),
         float(row["location-lat"])): row["individual-local-identifier"]
        for row in rows if row["location-long"]
    }  # fmt: skip
    assert len(found) > 920
    for row in found:
        key = (row["tag"], f"{row['time']:%Y-%m-%d %H:%M:%S}", row["lon"], row["lat"])
        assert row["bird"] == true[key], key
    assert {row["bird"] for row in found} == set(true.values())


def _after(text: str) -> str:
    """Give a moment after a time as the file writes it: ranges leave their end out."""
    time = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return f"{time + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}.000"


async def test_a_push_that_is_read_again_names_its_birds_once(service: Service) -> None:
    await service.push(EVENTS)
    await service.push(EVENTS, tz="UTC+8")
    await service.drain()
    assert await service.count("naming") == len(TAGS)
