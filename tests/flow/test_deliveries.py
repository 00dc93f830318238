"""However the bytes come, whole or in pieces, shuffled, twice or at once, the end is the same."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline import run as flow
from app.pipeline.receive import reading, receive
from app.store import inbox
from app.store.engine import Store
from tests.flow.conftest import Service, flock, open_service, pieces
from tests.ingest.hostile import files

START = datetime(2024, 7, 1, tzinfo=UTC)

BIRDS = flock()
EVENTS = flock_csv(BIRDS)
REFERENCE = reference_csv(BIRDS)


def split(body: bytes, n: int, *, seed: int) -> list[bytes]:
    """Cut a CSV into n files of random rows."""
    rng = random.Random(seed)
    header, *lines = body.decode().splitlines()
    rng.shuffle(lines)
    return ["\n".join([header, *lines[i::n]]).encode() + b"\n" for i in range(n)]


@pytest.fixture(scope="module")
def whole(new_database):
    """Give what comes of the flock at once."""

    async def run():
        made = await open_service(new_database())
        await made.push(REFERENCE)
        await made.push(EVENTS)
        await made.drain()
        content = await made.content()
        await made.store.close()
        return content

    return asyncio.run(run())


async def test_receipt_accounts_for_every_row(service):
    await service.push(REFERENCE)
    kept = await service.push(EVENTS)
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert receipt["state"] == "processed"
    assert receipt["units"] == len(EVENTS.splitlines()) - 1
    assert receipt["units"] == receipt["records"] + receipt["refused"]
    assert receipt["records"] == receipt["stored"] + receipt["duplicates"]
    assert len(receipt["individuals"]) == len(BIRDS.birds)
    assert receipt["undeployed"] == 0
    assert await service.count("stopover") > 4


async def test_the_same_push_twice_is_one(service):
    first = await service.push(EVENTS)
    await service.drain()
    before = await service.content()
    again = await service.push(EVENTS)
    await service.drain()
    receipt = await service.receipt(again.ref)
    assert again.replayed and again.ref != first.ref
    assert receipt["replay_of"] == first.ref
    assert receipt["state"] == "processed"
    assert await service.content() == before


async def test_twenty_shuffled_pieces_each_delivered_twice(whole, service):
    made = service
    deliveries = split(EVENTS, 20, seed=1) * 2
    random.Random(2).shuffle(deliveries)
    for number, piece in enumerate(deliveries):
        await made.push(piece)
        if number == 24:
            await made.push(REFERENCE)
        if number % 10 == 0:
            await made.drain()
    await made.drain()
    assert await made.content() == whole


async def _client(made: Service, store: Store, seed: int) -> None:
    """Push the same batches in an order of its own, the rows of some in an order of their own."""
    rng = random.Random(seed)
    header, *lines = REFERENCE.decode().splitlines()
    bodies = [*split(EVENTS, 4, seed=3), "\n".join([header, *rng.sample(lines, 2)]).encode()]
    bodies += split(bodies[0], 1, seed=seed)
    rng.shuffle(bodies)
    for body in bodies:
        delivery = inbox.Delivery(made.study_id)
        await receive(store, delivery, reading(None, None), pieces(body))
        await asyncio.sleep(0)


async def test_eight_clients_and_three_workers_at_once(whole, service):
    """Nobody waits for ever, and the end is that of one client."""
    made = service
    crowd = Store(made.store.dsn, pool_size=16, pool_wait_s=60, statement_timeout_s=60)
    clients = asyncio.gather(*(_client(made, crowd, seed) for seed in range(8)))

    async def work() -> None:
        while not clients.done():
            await flow.drain(crowd, areas=False)

    await asyncio.gather(clients, *(work() for _ in range(3)))
    await crowd.close()
    await made.drain()
    assert await made.content() == whole
    counted = await made.rows(
        "select count(*) filter (where replay_of_id is null) as n, count(*) as deliveries,"
        " (select deadlocks from pg_stat_database where datname = current_database()) as deadlocks"
        " from push"
    )
    assert (counted[0]["deliveries"], counted[0]["deadlocks"]) == (48, 0)
    assert counted[0]["n"] <= 4 + 2 + 8


async def test_late_fixes_leave_rows_outside_the_window_alone(service):
    header, *lines = EVENTS.decode().splitlines()
    cut = len(lines) // 2
    late = lines[cut : cut + 20]
    await service.push("\n".join([header, *lines[:cut], *lines[cut + 20 :]]).encode())
    await service.drain()
    before = {r["id"]: r["v"] for r in await service.rows("select id, xmin::text as v from leg")}
    await service.push("\n".join([header, *late]).encode())
    await service.drain()
    after = {r["id"]: r["v"] for r in await service.rows("select id, xmin::text as v from leg")}
    untouched = [i for i in after if before.get(i) == after[i]]
    assert len(untouched) >= len(after) - 4


async def test_corrected_zone_supersedes_the_first_decoding(new_service):
    expected = await new_service()
    await expected.push(EVENTS, tz="UTC+8")
    await expected.drain()
    made = await new_service()
    wrong = await made.push(EVENTS)
    await made.drain()
    right = await made.push(EVENTS, tz="UTC+8")
    await made.drain()
    receipt = await made.receipt(wrong.ref)
    assert right.ref == wrong.ref and receipt["number"] == 2
    assert receipt["tz"] == "UTC+8" and receipt["state"] == "processed"
    assert await made.content() == await expected.content()
    again = await made.push(EVENTS)  # names no zone: the corrected one stands
    assert again.replayed
    assert (await made.receipt(again.ref))["tz"] == "UTC+8"


async def test_replaced_decoding_leaves_what_another_push_brought(new_service):
    header, *lines = EVENTS.decode().splitlines()
    half = "\n".join([header, *lines[: len(lines) // 2]]).encode()
    expected = await new_service()
    await expected.push(half)
    await expected.push(EVENTS, tz="UTC+8")
    await expected.drain()
    made = await new_service()
    await made.push(EVENTS)
    await made.push(half)
    await made.drain()
    await made.push(EVENTS, tz="UTC+8")
    await made.drain()
    assert await made.content() == await expected.content()


async def test_of_ten_thousand_lines_every_good_one_is_stored(service):
    """One in a hundred is bad, in each of the ways that hostile files know."""
    kinds = [file for file in files() if file.format == "movebank-csv" and not file.whole]
    bad = [file.payload.decode().split("\n")[2] for file in kinds if file.code != "line-too-long"]
    lines = ["timestamp,location-long,location-lat,tag-local-identifier"]
    for n in range(10_000):
        time = START + timedelta(minutes=n)
        good = f"{time:%Y-%m-%d %H:%M:%S},{120 + n / 10_000},{30 + n / 10_000},T{n % 3}"
        lines.append(bad[n // 100 % len(bad)] if n % 100 == 50 else good)
    assert len(bad) > 5
    kept = await service.push("\n".join(lines).encode())
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert (receipt["units"], receipt["stored"], receipt["refused"]) == (10_000, 9_900, 100)
    assert await service.count("fix") == 9_900
    assert await service.count("refusal") == 100
