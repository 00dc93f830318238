"""A kept push is read again: shown first, then done, and done back."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.errors import BadInput, NotFound, TooLarge
from app.pipeline.replay import Wanted, replay
from app.store import receipts, worn
from app.store.audience import Audience

BODY = b"""timestamp,location-long,location-lat,tag-local-identifier
2024-03-01 08:00:00.000,127.5,34.8,T1
2024-03-01 09:00:00.000,127.6,34.8,T1
"""
TIMES = "select f.time from fix f where f.live order by f.time"


async def again(service, ref, *, apply=False, limit_bytes=None, **how):
    wanted = Wanted(**how)
    return await replay(
        service.store, service.audience, ref, wanted, apply=apply, limit_bytes=limit_bytes
    )


async def hours(service) -> list[int]:
    return [row["time"].hour for row in await service.rows(TIMES)]


async def test_a_trial_shows_what_would_change_and_stores_nothing(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    before = await service.receipt(kept.ref)
    found = await again(service, kept.ref, tz="UTC+8")
    assert (found.before["tz"], found.after["tz"]) == ("UTC", "UTC+8")
    assert (found.before["time_first"].hour, found.after["time_first"].hour) == (8, 0)
    assert found.after["stored"] == 2
    assert await service.receipt(kept.ref) == before
    assert await hours(service) == [8, 9]
    assert await service.count("decoding") == 1


async def test_done_it_replaces_the_reading_before_and_can_be_done_back(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    before = await service.content()
    await again(service, kept.ref, tz="UTC+8", apply=True)
    assert await hours(service) == [8, 9]
    await service.drain()
    assert await hours(service) == [0, 1]
    assert (await service.receipt(kept.ref))["format"] == "movebank-csv"
    await again(service, kept.ref, tz="UTC", apply=True)
    await service.drain()
    assert await service.content() == before


async def test_the_same_reading_changes_nothing(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    for how in ({}, {"tz": "UTC"}, {"format": "movebank-csv"}):
        found = await again(service, kept.ref, apply=True, **how)
        assert found.before == found.after
    assert await service.count("decoding") == 1


async def test_a_replay_of_a_push_means_the_push(service) -> None:
    first = await service.push(BODY)
    second = await service.push(BODY)
    assert first.ref != second.ref
    await service.drain()
    await again(service, second.ref, tz="UTC+8", apply=True)
    await service.drain()
    assert (await service.receipt(first.ref))["tz"] == "UTC+8"


async def test_a_push_that_failed_is_mended_by_its_format(service) -> None:
    kept = await service.push(b"no header, no rows\n")
    await service.drain()
    assert (await service.receipt(kept.ref))["state"] == "failed"
    found = await again(service, kept.ref, format="movebank-csv")
    assert found.after["problem"]["code"] == "columns-missing"


async def test_a_reading_that_fails_takes_nothing_away_and_is_told_beside_what_stands(
    service,
) -> None:
    kept = await service.push(BODY)
    await service.drain()
    before = await service.receipt(kept.ref)
    tried = await again(service, kept.ref, format="xlsx")
    assert tried.problem is not None
    assert (tried.after["number"], tried.after["stored"], tried.after["state"]) == (
        1, 2, "processed",
    )  # fmt: skip
    assert (tried.effect.unchanged, tried.effect.removed) == (2, 0)
    assert await service.receipt(kept.ref) == before
    asked = await again(service, kept.ref, format="xlsx", apply=True)
    assert (asked.after["number"], asked.after["state"]) == (2, "received")
    await service.drain()
    after = await service.receipt(kept.ref)
    assert after.pop("failed_reading") == {
        "decoding": 2, "format": "xlsx", "tz": "UTC", "problem": tried.problem,
    }  # fmt: skip
    assert after | {"failed_reading": None} == before
    assert await hours(service) == [8, 9]
    mended = await again(service, kept.ref, tz="UTC+8", apply=True)
    assert mended.after["format"] == "movebank-csv"
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert (receipt["number"], receipt["state"], receipt["failed_reading"]) == (
        3, "processed", None,
    )  # fmt: skip
    assert await hours(service) == [0, 1]


async def test_after_a_reading_that_failed_the_same_bytes_are_what_stands(service) -> None:
    """Sent again they are a replay of it; sent to be read as what failed, that is tried again."""
    kept = await service.push(BODY)
    await service.drain()
    await again(service, kept.ref, format="xlsx", apply=True)
    await service.drain()
    plain = await service.push(BODY)
    assert (plain.replayed, plain.decoding_id) == (True, kept.decoding_id)
    other = await service.push(BODY, format="xlsx")
    assert (other.ref, other.replayed) == (kept.ref, False)
    assert (await service.receipt(kept.ref))["state"] == "received"
    await service.drain()
    asked = await again(service, kept.ref, format="xlsx", apply=True)
    assert (asked.after["number"], asked.after["state"]) == (2, "received")
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert (receipt["number"], receipt["failed_reading"]["decoding"]) == (1, 2)
    assert await service.count("decoding") == 2


async def test_what_cannot_be_is_refused(service) -> None:
    kept = await service.push(BODY)
    with pytest.raises(NotFound):
        await again(service, uuid4())
    with pytest.raises(NotFound):
        await replay(service.store, Audience("public"), kept.ref, Wanted(tz="UTC+8"), apply=True)
    with pytest.raises(BadInput, match="format"):
        await again(service, kept.ref, format="no-such")
    with pytest.raises(TooLarge):
        await again(service, kept.ref, tz="UTC+8", limit_bytes=10)


async def test_encoding_and_datum_are_part_of_how_a_push_is_read(service) -> None:
    """The same bytes with another datum are read anew; left out, both stay as they were."""
    body = b'{"tag": "T1", "time": "2024-03-01T08:00:00Z", "lon": 116.404, "lat": 39.915}'
    kept = await service.push(body)
    await service.drain()
    first = await service.receipt(kept.ref)
    assert (first["encoding"], first["datum"]) == (None, "wgs84")
    other = await service.push(body, datum="gcj02", encoding="utf-8")
    assert (other.ref, other.replayed) == (kept.ref, False)
    await service.drain()
    moved = await service.receipt(kept.ref)
    assert (moved["number"], moved["encoding"], moved["datum"]) == (2, "utf-8", "gcj02")
    rows = await service.rows("select lon, lat from fix f where f.live")
    assert [(round(row["lon"], 4), round(row["lat"], 4)) for row in rows] == [(116.3978, 39.9136)]
    for named in ({}, {"datum": "gcj02"}, {"encoding": "utf-8", "datum": "gcj02"}):
        assert (await service.push(body, **named)).replayed
    found = await again(service, kept.ref, tz="UTC+8")
    assert (found.after["encoding"], found.after["datum"]) == ("utf-8", "gcj02")
    assert not (await service.push(body, datum="bd09")).replayed


async def test_the_order_of_day_and_month_is_part_of_how_a_push_is_read(service) -> None:
    """What nobody declares is refused with the remedy; read again as declared, it is a fix."""
    body = b"timestamp,location-long,location-lat,tag-id\n03/04/2024 8:00,127.5,34.8,T1\n"
    kept = await service.push(body)
    await service.drain()
    first = await service.receipt(kept.ref)
    assert (first["date_order"], first["refused"], first["stored"]) == (None, 1, 0)
    assert [each["code"] for each in first["warnings"]] == ["date-order-ambiguous"]
    found = await again(service, kept.ref, date_order="dmy")
    assert (found.effect.added, found.after["date_order"]) == (1, "dmy")
    other = await service.push(body, date_order="dmy")
    assert (other.ref, other.replayed) == (kept.ref, False)
    await service.drain()
    rows = await service.rows("select time from fix f where f.live")
    assert [row["time"].date().isoformat() for row in rows] == ["2024-04-03"]
    assert (await service.push(body)).replayed
    assert not (await service.push(body, date_order="mdy")).replayed


async def test_a_declared_encoding_is_read_and_refusals_name_their_byte(service) -> None:
    text = (
        "timestamp,location-long,location-lat,tag-local-identifier\n"
        "2024-03-01 08:00:00,127.5,34.8,두루미\n2024-03-01 09:00:00,127.5,95,두루미\n"
    )
    body = text.encode("cp949")
    kept = await service.push(body, encoding="cp949")
    await service.drain()
    assert (await service.receipt(kept.ref))["refused"] == 1
    names = await service.rows("select local_identifier as name from tag")
    assert [row["name"] for row in names] == ["두루미"]
    async with service.store.read() as conn:
        (refusal,) = await receipts.refusals(
            conn, service.audience, kept.ref, after_unit=0, limit=9
        )
    assert (refusal["unit"], refusal["code"]) == (2, "latitude-out-of-range")
    assert body[refusal["offset_bytes"] :].startswith(b"2024-03-01 09:00:00")


WORN = b"""tag-id,animal-id,deploy-on-date,deploy-off-date,study-site
T1,A,02/03/2024,03/03/2024,Weir
T1,B,03/03/2024,,
T2,A,2024-02-01,,
T3,A,01/02/2024,04/02/2024,
"""
NAMED = BODY.replace(b"timestamp,", b"animal-id,timestamp,").replace(b"\n20", b"\nC,20")
DEPLOYED = (
    "select t.local_identifier as tag, i.local_identifier as bird, d.during::text, d.declared,"
    " d.terms from deployment d join tag t on t.id = d.tag_id"
    " join individual i on i.id = d.individual_id where d.replaced_at is null order by 1, 3"
)


async def test_reference_data_read_again_take_the_place_of_what_they_had_stated(
    service, new_service
) -> None:
    first = await new_service()
    for each in (first, service):
        await each.push(NAMED)
    await first.push(WORN, date_order="dmy")
    await first.drain()
    kept = await service.push(WORN, date_order="mdy")
    await service.drain()
    stated = await service.rows(DEPLOYED)
    refs = "select ref, recorded_at from deployment where replaced_at is null"
    before = await service.rows(refs)
    for order, wanted in (("dmy", await first.rows(DEPLOYED)), ("mdy", stated)):
        await again(service, kept.ref, date_order=order, apply=True)
        await service.drain()
        assert (await service.receipt(kept.ref))["state"] == "processed"
        assert await service.rows(DEPLOYED) == wanted
    after = await service.rows(refs)
    assert {row["ref"] for row in after} == {row["ref"] for row in before}
    assert len([row for row in after if row in before]) == 2  # what is read alike each time


async def test_what_others_said_of_a_deployment_since_outlives_another_reading(service) -> None:
    kept = await service.push(WORN, date_order="mdy")
    await service.drain()
    async with service.store.write() as conn:
        for row in await worn.page(conn, service.audience, limit=9):
            if (row["tag_name"], row["individual_name"]) == ("T1", "B"):
                change = {"deploy_off": datetime(2024, 9, 1, tzinfo=UTC)}
                await worn.edit(conn, service.audience, row["ref"], change)
            if row["tag_name"] == "T3":
                change = {end: datetime(2024, n, 1, tzinfo=UTC)
                          for n, end in ((6, "deploy_on"), (7, "deploy_off"))}  # fmt: skip
                await worn.edit(conn, service.audience, row["ref"], change)
    await again(service, kept.ref, date_order="dmy", apply=True)
    await service.drain()
    ranges = {(row["tag"], row["bird"]): row["during"] for row in await service.rows(DEPLOYED)}
    assert ranges["T1", "B"] == '["2024-03-03 00:00:00+00","2024-09-01 00:00:00+00")'
    assert (await service.receipt(kept.ref))["warnings"] != []


async def test_what_was_read_as_reference_data_by_mistake_states_nothing(service) -> None:
    kept = await service.push(NAMED, format="movebank-reference-csv")
    await service.drain()
    assert [row["declared"] for row in await service.rows(DEPLOYED)] == [True]
    await again(service, kept.ref, format="movebank-csv", apply=True)
    await service.drain()
    assert [row["declared"] for row in await service.rows(DEPLOYED)] == [False]
