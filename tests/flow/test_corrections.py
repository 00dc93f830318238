"""Refused units corrected, and whole pushes read again: the effect first, then just that."""

from __future__ import annotations

import asyncio

import pytest

import ingest.sent
from app.errors import BadInput
from app.pipeline.decode import decode_push
from app.pipeline.replay import Replay, Wanted, replay
from app.store import corrections, receipts, work
from app.store.sight import Filters
from tests.ingest.formats.test_xlsx import workbook

HEAD = b"timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier\n"
GOOD = HEAD + b"2024-03-01 08:00:00,127.5,34.8,T1,A\n2024-03-01 09:00:00,127.6,34.8,T1,A\n"
BAD = HEAD + b"2024-03-01 08:00:00,127.5,34.8,T1,A\nnever,127.6,34.8,T1,A\n,127.7,34.8,T1,A\n"
FIXED = "2024-03-01 09:00:00,127.6,34.8,T1,A"
LIVE = "select f.time, f.lon from fix f where f.live order by f.time, f.lon"


async def again(service, ref, *, apply: bool = False, **how) -> Replay:
    return await replay(service.store, service.audience, ref, Wanted(**how), apply=apply)


async def pushed(service, body: bytes):
    kept = await service.push(body)
    await service.drain()
    return kept.ref


async def refused(service, **how) -> list[tuple[int, str]]:
    asked = {"push": None, "code": None, "after": None, "limit": 10} | how
    async with service.store.read() as conn:
        rows = await corrections.refusals(
            conn, service.audience, service.study_id, Filters(), **asked
        )
    return [(row["unit"], row["code"]) for row in rows]


async def test_a_corrected_unit_shows_its_effect_and_then_has_it(service) -> None:
    ref = await pushed(service, BAD)
    assert await refused(service) == [(2, "time-unreadable"), (3, "time-unreadable")]
    tried = await again(service, ref, units={2: FIXED})
    effect = tried.effect
    assert effect is not None
    assert (effect.added, effect.removed, effect.moved, effect.unchanged) == (1, 0, 0, 1)
    assert (effect.refusals_gone, effect.refusals_new) == (1, 0)
    assert effect.refusals == [{"unit": 2, "code_before": "time-unreadable", "code_after": None}]
    assert [each["change"] for each in effect.fixes] == ["added"]
    assert len(effect.individuals) == 1
    assert await service.count("correction") == 0
    assert len(await service.rows(LIVE)) == 1
    await again(service, ref, units={2: FIXED}, apply=True)
    await service.drain()
    assert [row["lon"] for row in await service.rows(LIVE)] == [127.5, 127.6]
    assert await refused(service) == [(3, "time-unreadable")]
    bodies = await service.rows("select body from push_chunk")
    assert [row["body"] for row in bodies] == [BAD]
    kept = await service.rows("select unit, original, text, corrected_by from correction")
    assert kept == [
        {"unit": 2, "original": "never,127.6,34.8,T1,A", "text": FIXED, "corrected_by": "operator"}
    ]


async def test_a_row_of_a_workbook_is_corrected_and_its_bytes_stay(service) -> None:
    names, *rows = (line.split(",") for line in BAD.decode().splitlines())
    sent = workbook([names, *rows])
    ref = await pushed(service, sent)
    assert await refused(service) == [(2, "time-unreadable"), (3, "time-unreadable")]
    async with service.store.read() as conn:
        listed = await receipts.refusals(conn, service.audience, ref, after_unit=0, limit=9)
    assert [(row["line"], row["offset_bytes"]) for row in listed] == [(3, None), (4, None)]
    tried = await again(service, ref, units={2: FIXED})
    assert tried.effect is not None
    assert (tried.effect.added, tried.effect.unchanged, tried.effect.refusals_gone) == (1, 1, 1)
    assert len(await service.rows(LIVE)) == 1
    await again(service, ref, units={2: FIXED}, apply=True)
    await service.drain()
    assert [row["lon"] for row in await service.rows(LIVE)] == [127.5, 127.6]
    assert await refused(service) == [(3, "time-unreadable")]
    bodies = await service.rows("select body from push_chunk")
    assert [row["body"] for row in bodies] == [sent]
    (kept,) = await service.rows("select original from correction")
    assert kept["original"] == "never,127.6,34.8,T1,A"
    await again(service, ref, units={2: None}, apply=True)
    await service.drain()
    assert await refused(service) == [(2, "time-unreadable"), (3, "time-unreadable")]


async def test_twice_is_once_and_taken_back_it_is_as_before(service) -> None:
    ref = await pushed(service, BAD)
    before, fixes = await service.content(), await service.rows(LIVE)
    for _ in range(2):
        await again(service, ref, units={2: FIXED}, apply=True)
        await service.drain()
        assert (await service.count("correction"), await service.count("decoding")) == (1, 2)
    same = await again(service, ref, units={2: FIXED})
    assert same.before == same.after
    await again(service, ref, units={2: None}, apply=True)
    await service.drain()
    assert await service.rows(LIVE) == fixes
    assert await service.content() == before
    assert len(await refused(service)) == 2
    async with service.store.read() as conn:
        told = await corrections.readings(conn, service.audience, ref, before=None, limit=9)
        texts = await corrections.history(conn, service.audience, ref, after=0, limit=9)
    assert [(row["number"], row["asked_by"]) for row in told] == [
        (3, "operator"), (2, "operator"), (1, None),
    ]  # fmt: skip
    assert [row["text"] for row in texts] == [FIXED, None]


async def test_a_correction_outlives_another_zone_and_the_same_bytes_again(service) -> None:
    ref = await pushed(service, BAD)
    await again(service, ref, units={2: FIXED}, apply=True)
    await service.drain()
    await pushed(service, BAD)
    assert len(await service.rows(LIVE)) == 2
    moved = await again(service, ref, tz="UTC+8")
    assert moved.effect is not None
    assert (moved.effect.moved, moved.effect.added, moved.effect.removed) == (2, 0, 0)
    first = moved.effect.fixes[0]
    assert first["before"]["time"].hour - first["after"]["time"].hour == 8
    await again(service, ref, tz="UTC+8", units={3: FIXED.replace("127.6", "127.7")}, apply=True)
    await service.drain()
    times = [row["time"].hour for row in await service.rows(LIVE)]
    assert times == [0, 1, 1]
    assert await refused(service) == []


async def test_fixes_that_another_push_brought_as_well_stay(service) -> None:
    """The effect counts what another push gives back at once, and so does the doing."""
    ref = await pushed(service, GOOD)
    await pushed(service, GOOD + b"\n")
    tried = await again(service, ref, tz="UTC+8")
    assert tried.effect is not None
    assert (tried.effect.added, tried.effect.removed, tried.effect.moved) == (2, 0, 0)
    await again(service, ref, tz="UTC+8", apply=True)
    await service.drain()
    assert [row["time"].hour for row in await service.rows(LIVE)] == [0, 1, 8, 9]


async def test_a_long_push_that_is_given_back_waits_for_nobody(service, monkeypatch) -> None:
    """Whoever stores in a study and waited to be alone in it might wait for one who does so too."""
    monkeypatch.setattr(ingest.sent, "PIECE_LINES", 1)
    monkeypatch.setattr(work, "SMALL_BYTES", len(GOOD))
    ref = await pushed(service, GOOD)
    await pushed(service, GOOD + b"\n")
    await again(service, ref, tz="UTC+8", apply=True)
    (anew,) = await service.rows("select id from decoding where state = 'received'")
    async with service.store.write() as other:
        await work.lock_study(other, service.study_id, alone=False)
        await decode_push(service.store, anew["id"])
        assert [row["time"].hour for row in await service.rows(LIVE)] == [0, 1]
    await service.drain()
    assert [row["time"].hour for row in await service.rows(LIVE)] == [0, 1, 8, 9]


@pytest.mark.parametrize(
    ("units", "code"),
    [({1: FIXED}, "unit-not-refused"), ({9: FIXED}, "unit-not-refused"),
     ({2: f"{FIXED}\n{FIXED}"}, "correction-refused"), ({2: ""}, "correction-refused")],
)  # fmt: skip
async def test_what_is_no_correction_is_refused(service, units, code) -> None:
    ref = await pushed(service, BAD)
    with pytest.raises(BadInput) as caught:
        await again(service, ref, units=units, apply=True)
    assert caught.value.code == code
    assert (await service.count("correction"), await service.count("decoding")) == (0, 1)


async def test_a_correction_that_is_refused_itself_is_told(service) -> None:
    ref = await pushed(service, BAD)
    tried = await again(service, ref, units={2: "2024-03-01 09:00:00,127.6,134.8,T1,A"})
    assert tried.effect is not None
    assert tried.effect.refusals == [
        {"unit": 2, "code_before": "time-unreadable", "code_after": "latitude-out-of-range"}
    ]


async def test_two_who_correct_at_once_both_count(service) -> None:
    ref = await pushed(service, BAD)
    texts = {2: FIXED, 3: FIXED.replace("127.6", "127.7")}
    await asyncio.gather(*(again(service, ref, units={u: t}, apply=True) for u, t in texts.items()))
    await service.drain()
    assert len(await service.rows(LIVE)) == 3


async def test_refusals_and_suspects_by_code_push_and_page(service) -> None:
    ref = await pushed(service, BAD)
    other = await pushed(service, HEAD + b"2024-03-01 08:00:00,0,0,T1,A\nx\n")
    assert await refused(service, code="ragged-row") == [(2, "ragged-row")]
    assert await refused(service, push=other) == [(2, "ragged-row")]
    assert await refused(service, push=ref) == [(2, "time-unreadable"), (3, "time-unreadable")]
    assert await refused(service, limit=1) == [(2, "ragged-row")]
    number = (await service.rows("select max(id) as id from decoding"))[0]["id"]
    assert await refused(service, after=(number, 2)) == await refused(service, push=ref)
    async with service.store.read() as conn:
        rows = await corrections.suspects(
            conn, service.audience, service.study_id, Filters(), push=None, code="null-island",
            after=None, limit=9,
        )  # fmt: skip
    assert [(row["push_id"], row["concerns"], row["fixes"]) for row in rows] == [
        (other, "fixes", 1)
    ]
