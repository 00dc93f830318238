"""Tables that only the name of their file gives to a tag: from bytes to fixes of the right one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from app.errors import BadInput, Conflict
from tests.flow.test_replay import again

BODY = (Path(__file__).parents[1] / "data/telemetry/7304g.txt").read_bytes()
TABLE = b"timestamp,location-long,location-lat,tag-id\n2024-03-01 08:00:00,127.5,34.8,T1\n"
FIXES = (
    "select t.local_identifier as tag, f.time, f.lat from fix f join tag t on t.id = f.tag_id"
    " where f.live order by 1, 2"
)
READINGS = (
    "select t.local_identifier as tag, count(*) as n from reading r join tag t on t.id = r.tag_id"
    " group by 1 order by 1"
)


async def hours(service) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in await service.rows(FIXES):
        found.setdefault(row["tag"], []).append(row["time"].hour)
    return found


async def test_the_same_bytes_under_two_names_are_the_data_of_two_tags(service) -> None:
    """A replay, another zone and a correction of one leave the other as it was."""
    first = await service.push(BODY, tag="7304")
    second = await service.push(BODY, tag=" 7305 ")
    assert not first.replayed and not second.replayed
    await service.drain()
    assert await hours(service) == {"7304": [6, 10, 12], "7305": [6, 10, 12]}
    assert [dict(row) for row in await service.rows(READINGS)] == [
        {"tag": "7304", "n": 3}, {"tag": "7305", "n": 3},
    ]  # fmt: skip
    receipt = await service.receipt(second.ref)
    assert (receipt["format"], receipt["tag"]) == ("microwave-tab", "7305")
    counts = ("units", "refused", "stored", "without_position", "duplicates")
    assert [receipt[each] for each in counts] == [7, 1, 3, 3, 0]
    for tag, sent in (("7304", first), ("7305", second)):
        repeated = await service.push(BODY, tag=tag)
        assert repeated.replayed
        assert (await service.receipt(repeated.ref))["replay_of"] == sent.ref
    moved = await service.push(BODY, tag="7304", tz="UTC+2")
    assert (moved.ref, moved.replayed) == (first.ref, False)
    await service.drain()
    assert await hours(service) == {"7304": [4, 8, 10], "7305": [6, 10, 12]}
    await again(service, second.ref, units={7: _row("46.13")}, apply=True)
    await service.drain()
    assert await hours(service) == {"7304": [4, 8, 10], "7305": [6, 10, 12, 18]}


def _row(lat: str) -> str:
    return BODY.splitlines()[7].decode().replace("Asleep", lat)


async def test_a_wrong_tag_and_none_are_mended_by_reading_the_push_again(service) -> None:
    nameless = await service.push(BODY)
    await service.drain()
    failed = await service.receipt(nameless.ref)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "tag-not-named")
    shown = await again(service, nameless.ref, tag="9999")
    assert (shown.effect.added, shown.after["tag"]) == (3, "9999")
    await again(service, nameless.ref, tag="9999", apply=True)
    await service.drain()
    assert await hours(service) == {"9999": [6, 10, 12]}
    await again(service, nameless.ref, tag="7304", apply=True)
    await service.drain()
    assert await hours(service) == {"7304": [6, 10, 12]}
    with pytest.raises(BadInput, match="tag"):
        await again(service, nameless.ref, tag="a\0b")


async def test_the_name_within_a_zip_says_it(service) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("march/00007304g_2019-03-31.txt", BODY)
    sent = await service.push(held.getvalue())
    await service.drain()
    assert list(await hours(service)) == ["7304"]
    await again(service, sent.ref, units={7: _row("46.13")}, apply=True)
    await service.drain()
    assert await hours(service) == {"7304": [6, 10, 12, 18]}


async def test_a_tag_belongs_to_what_a_key_names(service) -> None:
    first = await service.push(BODY, tag="7304", key="march")
    assert (await service.push(BODY, tag="7304", key="march")).ref == first.ref
    with pytest.raises(Conflict):
        await service.push(BODY, tag="7305", key="march")


async def test_a_tag_told_of_rows_that_name_theirs_is_told_to_be_unused(service) -> None:
    await service.push(TABLE)
    kept = await service.push(TABLE, tag="7304")
    await service.drain()
    receipt = await service.receipt(kept.ref)
    assert [each["code"] for each in receipt["warnings"]] == ["tag-not-used"]
    assert (receipt["stored"], receipt["duplicates"]) == (0, 1)
    assert await hours(service) == {"T1": [8]}


async def test_tables_of_e_obs_become_fixes_and_readings_of_their_tag(service) -> None:
    folder = Path(__file__).parents[1] / "data/telemetry"
    for name in ("fixes_eobs.txt", "bursts_eobs.txt"):
        kept = await service.push((folder / name).read_bytes())
        await service.drain()
        receipt = await service.receipt(kept.ref)
        assert (receipt["format"], receipt["refused"], receipt["without_position"]) == (
            "eobs-csv", 1, 2,
        )  # fmt: skip
    assert await hours(service) == {"5120": [7, 11]}
    assert [dict(row) for row in await service.rows(READINGS)] == [{"tag": "5120", "n": 4}]
