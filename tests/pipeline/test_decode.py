"""Small pushes go together: what comes of them is what comes of each alone, in their order."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ingest
from app.errors import Unavailable
from app.pipeline import decode
from app.pipeline import run as flow
from app.pipeline.receive import reading, receive
from app.pipeline.resolve import Landing
from app.store import content as of_study
from app.store import decodings, inbox, work
from app.store.engine import Connection, Store, execute

SEEDS = range(2)


@pytest.fixture
async def new_store(new_database: Callable[[], str]) -> AsyncIterator[Callable[[], Any]]:
    made: list[Store] = []

    async def make() -> Store:
        store = Store(new_database(), pool_size=2, pool_wait_s=30, statement_timeout_s=60)
        made.append(store)
        async with store.write() as conn:
            await execute(conn, "insert into institute (name) values ('Amur')")
            await execute(
                conn,
                "insert into study (institute_id, name, taxon)"
                " values (1, 'Cranes', 'Antigone vipio')",
            )
        return store

    yield make
    for store in made:
        await store.close()


async def push(store: Store, body: bytes, *, tz: str | None = None) -> inbox.Kept:
    async def once() -> AsyncIterator[bytes]:
        yield body

    return await receive(store, inbox.Delivery(1), reading(None, tz), once())


def fix(rng: random.Random, **more: Any) -> dict[str, Any]:
    tag = f"T{rng.randrange(4)}"
    found: dict[str, Any] = {
        "tag": tag,
        "time": f"2024-05-01T{rng.randrange(24):02}:{rng.randrange(0, 60, 20):02}:00Z",
        "lon": 127 + rng.randrange(3),
        "lat": 38,
    }
    kind = rng.randrange(8)
    if kind == 0:
        found["lat"] = 95  # refused
    elif kind == 1:
        found |= {"lon": 0, "lat": 0}  # flagged
    elif kind == 2:
        del found["lon"], found["lat"]
        found["battery_v"] = 3.7  # a reading
    elif kind == 3:
        found["temperature_c"] = 999  # left out, with a warning
    elif kind == 4:
        found |= {"individual": f"bird {rng.randrange(3)}", "taxon": rng.choice(
            ["Grus monacha", "Antigone vipio", "Avis ignota"])}  # fmt: skip
    return found | more


def pushes(seed: int) -> list[tuple[bytes, str | None]]:
    """Give a mixed stream: JSON and CSV, odd and unreadable, some twice in other words."""
    rng = random.Random(seed)
    bodies: list[tuple[bytes, str | None]] = []
    for number in range(30):
        fixes = [fix(rng) for _ in range(rng.randrange(1, 4))]
        kind = rng.randrange(10)
        if kind == 0:
            bodies.append((b'{"fixes": [' + str(number).encode(), None))  # cut off
        elif kind == 1:
            rows = [f"{f['time'][:-1]},{f.get('lon', '')},{f.get('lat', '')},gps,Grus vipio,"
                    f"{f['tag']},{f['tag']}-bird" for f in fixes]  # fmt: skip
            header = "timestamp,location-long,location-lat,sensor-type,"
            header += "individual-taxon-canonical-name,tag-local-identifier,"
            header += "individual-local-identifier"
            bodies.append(("\n".join([header, *rows, ""]).encode(), rng.choice([None, "UTC+8"])))
        elif kind == 2:
            text = "tag-id,animal-id,animal-taxon,deploy-on-date\n"
            text += f"T{rng.randrange(4)},wearer {rng.randrange(2)},Grus monacha,2024-05-01 06:00\n"
            bodies.append((text.encode(), None))
        elif kind == 3 and bodies:
            bodies.append((b" " + rng.choice(bodies)[0], None))  # the same records, other bytes
        else:
            bodies.append((json.dumps({"n": number, "fixes": fixes}).encode(), None))
    return bodies


CONTENT = {
    "fix": "select t.local_identifier as tag, f.time, f.sensor, f.variant, f.live, f.visible,"
    " f.decoding_id, f.lon, f.lat, f.error_m from fix f join tag t on t.id = f.tag_id",
    "reading": "select t.local_identifier as tag, f.time, f.decoding_id, f.battery_v"
    " from reading f join tag t on t.id = f.tag_id",
    "fix_flag": "select t.local_identifier as tag, g.time, g.code, g.origin"
    " from fix_flag g join tag t on t.id = g.tag_id",
    "refusal": "select decoding_id, unit, excerpt, code, remedy from refusal",
    "individual": "select local_identifier, taxon, species_key from individual",
    "naming": "select n.decoding_id, t.local_identifier as tag, i.local_identifier, n.time_first,"
    " n.time_last from naming n join tag t on t.id = n.tag_id"
    " join individual i on i.id = n.individual_id",
    "naming_week": "select decoding_id, week, times from naming_week where times[2] is not null",
    "deployment": "select t.local_identifier as tag, i.local_identifier, d.during, d.declared"
    " from deployment d join tag t on t.id = d.tag_id"
    " join individual i on i.id = d.individual_id where d.replaced_at is null",
    "dirty": "select i.local_identifier, d.from_time, d.to_time"
    " from dirty d join individual i on i.id = d.individual_id",
    "decoding": "select id, state, format, units, records, refused, stored, duplicates, superseded,"
    " without_position, time_first, time_last, warnings, problem,"
    " (select array_agg(local_identifier order by local_identifier) from tag t"
    "  where t.id = any(tag_ids)) as tags"
    " from decoding",
}  # fmt: skip


async def content(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    async with store.read() as conn:
        for name, sql in CONTENT.items():
            rows = await execute(conn, sql)
            found[name] = sorted((tuple(row.values()) for row in rows), key=repr)
    return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_together_is_one_after_another(new_store, seed: int) -> None:
    alone, together = await new_store(), await new_store()
    for body, tz in pushes(seed):
        one, other = await push(alone, body, tz=tz), await push(together, body, tz=tz)
        assert one.decoding_id == other.decoding_id
        await decode.decode_push(alone, one.decoding_id)
    await decode.decode_small(together, 1)
    expected, found = await content(alone), await content(together)
    for name in CONTENT:
        if name not in {"dirty", "decoding"}:
            assert found[name] == expected[name], name
    # One after another, a tag may for a moment be worn by another bird than after all of them:
    # that bird is looked at once more for nothing, and a push may wait for it.
    birds, other_birds = ({row[0] for row in each["dirty"]} for each in (found, expected))
    assert await worn(together) <= birds <= other_birds
    for one, other in zip(expected["decoding"], found["decoding"], strict=True):
        assert other[:1] + other[2:] == one[:1] + one[2:]
        assert (other[1] == "failed") == (one[1] == "failed")


async def test_what_is_derived_is_the_same(new_store) -> None:
    derived = []
    for name in ("alone", "together"):
        store = await new_store()
        for body, tz in pushes(seed=7)[:15]:
            kept = await push(store, body, tz=tz)
            if name == "alone":
                await decode.decode_push(store, kept.decoding_id)
        assert await flow.drain(store, areas=False) == []
        async with store.read() as conn:
            birds = await of_study.individuals(conn)
            derived.append({bird: await of_study.of_bird(conn, number) for number, bird in birds})
        assert {state for state, _ in await states(store)} == {"processed", "failed"}
    assert derived[0]
    assert derived[0] == derived[1]


async def worn(store: Store) -> set[str]:
    """Give the birds that have fixes now."""
    async with store.read() as conn:
        rows = await execute(
            conn,
            "select distinct i.local_identifier from individual i join deployment d"
            " on d.individual_id = i.id and d.replaced_at is null"
            " join fix f on f.tag_id = d.tag_id and d.during @> f.time",
        )
    return {row["local_identifier"] for row in rows}


async def test_revisions_in_one_batch_leave_the_highest(new_store) -> None:
    store = await new_store()
    for revision, lat in ((1, 38.1), (3, 38.3), (2, 38.2)):
        sent = {"tag": "T", "time": "2024-05-01T00:00:00Z", "lon": 127, "lat": lat, "id": "p1",
                "revision": revision}  # fmt: skip
        await push(store, json.dumps([sent]).encode())
    await decode.decode_small(store, 1)
    async with store.read() as conn:
        fixes = await execute(conn, "select lat, live from fix order by lat")
        told = await execute(
            conn, "select records, stored, duplicates, superseded from decoding order by id"
        )
    assert [row["live"] for row in fixes] == [False, False, True]
    assert [(row["stored"], row["superseded"]) for row in told] == [(0, 1), (1, 0), (0, 1)]


async def test_revised_doppler_locations_of_cls_end_at_the_highest(new_store) -> None:
    store = await new_store()
    sample = Path(__file__).parents[1] / "data/telemetry/messages_cls.json"
    messages = json.loads(sample.read_bytes())["contents"][:4]
    for message in reversed(messages):  # the latest revision comes first
        await push(store, json.dumps({"contents": [message]}).encode())
    await decode.decode_small(store, 1)
    async with store.read() as conn:
        fixes = await execute(
            conn,
            "select provider_id, provider_revision, live from fix"
            " where provider_id is not null order by provider_id, provider_revision",
        )
    assert [tuple(row.values()) for row in map(dict, fixes)] == [
        ("11", 0, False), ("11", 2, True), ("12", 1, False), ("12", 2, True)
    ]  # fmt: skip


async def test_a_push_that_breaks_its_decoder_harms_no_other(
    new_store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_store()
    kept = [
        await push(store, json.dumps([{"tag": name, "time": "2024-05-01T00:00:00Z",
                                       "lon": 127, "lat": 38}]).encode())
        for name in ("a", "broken", "c")
    ]  # fmt: skip
    decoded = ingest.decode_many

    def breaks(payloads: list[bytes], **options: Any) -> Any:
        if any(b"broken" in payload for payload in payloads):
            raise ZeroDivisionError
        return decoded(payloads, **options)

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "decode_many", breaks)
        await decode.decode_small(store, 1)
    assert await states(store) == [("processed", 1), ("received", 1), ("processed", 1)]
    async with store.read() as conn:
        todo = await work.waiting(conn, limit=10)
    assert (todo.studies, todo.decodings) == ([], [kept[1].decoding_id])
    await decode.decode_push(store, kept[1].decoding_id)
    assert await states(store) == [("processed", 1), ("processed", 2), ("processed", 1)]


async def states(store: Store) -> list[tuple[str, int]]:
    async with store.read() as conn:
        rows = await execute(conn, "select state, attempts from decoding order by id")
    return [(row["state"], row["attempts"]) for row in rows]


async def test_pushes_whose_worker_ended_go_alone_from_then_on(new_store) -> None:
    store = await new_store()
    kept = [await push(store, json.dumps([{"tag": name, "time": "x"}]).encode()) for name in "ab"]
    async with store.write() as conn:  # counted, and then the worker was gone
        await decodings.count_attempts(conn, await decodings.small(conn, 1))
    async with store.read() as conn:
        todo = await work.waiting(conn, limit=10)
        assert await decodings.small(conn, 1) == []
    assert (todo.studies, todo.decodings) == ([], [each.decoding_id for each in kept])


async def test_a_lost_database_counts_against_none_of_them(
    new_store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_store()
    await push(store, b'[{"tag": "a", "time": "2024-05-01T00:00:00Z", "lon": 127, "lat": 38}]')

    async def cut(conn: Connection, *_: object) -> None:
        await execute(conn, "select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(decode, "decode_in", cut)
        with pytest.raises(Unavailable):
            await decode.decode_small(store, 1)
    assert await states(store) == [("received", 0)]
    await decode.decode_small(store, 1)
    assert await states(store) == [("processed", 1)]


async def test_what_goes_together_is_bounded_by_number_and_bytes(
    new_store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_store()
    sizes = [len(await push_of(store, n)) for n in range(6)]
    async with store.read() as conn:
        assert await decodings.small(conn, 1) == [1, 2, 3, 4, 5, 6]
        monkeypatch.setattr(decodings, "TOGETHER_MAX", 4)
        assert await decodings.small(conn, 1) == [1, 2, 3, 4]
        monkeypatch.setattr(decodings, "TOGETHER_BYTES", sum(sizes[:2]))
        assert await decodings.small(conn, 1) == [1, 2]
        assert await decodings.small(conn, 2) == []


async def push_of(store: Store, number: int) -> bytes:
    body = json.dumps([{"tag": str(number), "time": "2024-05-01T00:00:00Z"}]).encode()
    await push(store, body)
    return body


async def test_a_large_push_goes_alone(new_store) -> None:
    store = await new_store()
    await push(store, b"[" + b" " * work.SMALL_BYTES + b"]")
    async with store.read() as conn:
        todo = await work.waiting(conn, limit=10)
    assert (todo.studies, todo.decodings) == ([], [1])


def backlog(seed: int, *, rows: int = 150) -> bytes:
    """One object a line: some twice or revised pieces later, some refused, flagged, shown."""
    rng = random.Random(seed)
    fixes: list[dict[str, Any]] = []
    for number in range(rows):
        kind = rng.randrange(6)
        if kind == 0 and fixes:
            fixes.append(rng.choice(fixes))
        elif kind == 1:
            fixes.append(fix(rng, id=str(rng.randrange(9)), revision=number % 3))
        else:
            fixes.append(fix(rng, marked_valid=kind == 2))
    return b"\n".join(json.dumps(each).encode() for each in fixes)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have every push read in pieces of so many lines."""
    read = ingest.decode_pieces

    def into(lines: int) -> None:
        monkeypatch.setattr(work, "SMALL_BYTES", 0)
        monkeypatch.setattr(ingest, "decode_pieces", partial(read, lines=lines))

    return into


async def test_in_pieces_is_as_a_whole(new_store, cut) -> None:
    found = []
    for lines in (1_000, 40):
        cut(lines)
        store = await new_store()
        body = backlog(3)
        other = b"\n".join(reversed(body.split(b"\n")[:90]))
        kept = [await push(store, sent) for sent in (other, body, b" " + body)]
        for each in kept:
            await decode.decode_push(store, each.decoding_id)
        # Another zone takes the fixes of the first reading back, and those of the others with it.
        again = await push(store, body, tz="UTC+8")
        await decode.decode_push(store, again.decoding_id)
        await flow.drain(store, areas=False)
        found.append(await content(store))
    assert found[0] == found[1]
    assert len(found[0]["fix"]) > 60
    assert len(found[0]["refusal"]) > 30


async def test_what_ends_between_pieces_leaves_nothing_and_is_whole_the_next_time(
    new_store, cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(40)
    store = await new_store()
    kept = await push(store, backlog(5))
    stored = Landing.store
    seen: list[int] = []

    async def third_fails(self: Landing, conn: Connection, records: pl.DataFrame) -> None:
        seen.append(records.height)
        if len(seen) == 3:
            raise ZeroDivisionError
        await stored(self, conn, records)

    with monkeypatch.context() as patched:
        patched.setattr(Landing, "store", third_fails)
        with pytest.raises(ZeroDivisionError):
            await decode.decode_push(store, kept.decoding_id)
    assert len(seen) == 3
    told = await content(store)
    assert not told["fix"] + told["refusal"] + told["dirty"] + told["individual"]
    with monkeypatch.context() as patched:
        patched.setattr("ingest.pieces.PIECES_UNITS_MAX", 100)
        await decode.decode_push(store, kept.decoding_id)
    told = await content(store)
    assert not told["fix"] + told["refusal"] + told["dirty"]
    async with store.read() as conn:
        rows = await execute(conn, "select state, problem ->> 'code' as code from decoding")
    assert rows == [{"state": "failed", "code": "too-many-units"}]
    whole = await new_store()
    for each in (store, whole):
        again = await push(each, backlog(5), tz="UTC+9")
        await decode.decode_push(each, again.decoding_id)
    there, here = [(await content(each))["fix"] for each in (store, whole)]
    # But for the decoding, which has another number.
    assert [row[:6] + row[7:] for row in there] == [row[:6] + row[7:] for row in here]
    assert len(here) > 30
