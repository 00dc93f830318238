"""Argos passes from bytes to the map: which solution, which record, which revision is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import ingest
from app import operate
from app.store import decodings, fixes, reference
from app.store.sight import Filters
from tests.flow.conftest import Service, open_service
from tests.flow.test_exports import table, written

BRANT = "telemetry/argos_brant_2002/Brant Geese Sean Boyd 2002.csv"
RAW = "telemetry/argos_raw"
GOOSE = "36463"


def served(new_database: Callable[[], str], work: Callable[[Service], Awaitable[Any]]) -> Any:
    """Do something with a service of its own."""

    async def run() -> Any:
        service = await open_service(new_database())
        try:
            return await work(service)
        finally:
            await service.store.close()

    return asyncio.run(run())


async def live(service: Service, pushes: Iterable[bytes]) -> list[dict]:
    """Push one after the other, each derived before the next; give the receipts."""
    receipts = []
    for body in pushes:
        kept = await service.push(body)
        await service.drain()
        receipts.append(await service.receipt(kept.ref))
    return receipts


def worn(tags: Iterable[str], since: str = "1990-01-01") -> bytes:
    """Reference data that put each tag on a bird of its own."""
    rows = [f"{tag},Bird {tag},Branta bernicla,{since}" for tag in tags]
    return "\n".join(["tag-id,animal-id,animal-taxon,deploy-on-date", *rows, ""]).encode()


# --- mirror solutions


@pytest.fixture(scope="module")
def goose(shared_data: Path) -> pl.DataFrame:
    """One goose as CLS sent it, solution 1 as the location; `second` is Movebank's choice."""
    rows = pl.read_csv(shared_data / BRANT, infer_schema=False)
    rows = rows.filter(pl.col("tag-local-identifier") == GOOSE).with_columns(
        pl.col("argos:lon1").alias("location-long"),
        pl.col("argos:lat1").alias("location-lat"),
        second=pl.col("argos:valid-location-algorithm") == "2",
    )
    return rows.drop("argos:valid-location-algorithm")


_KEPT = """
select time, sensor, variant, lon, lat, lon2, lat2, solution, visible from fix where live
order by time, variant
"""


@pytest.fixture(scope="module")
def whole(goose, new_database, tmp_path_factory) -> tuple[list[dict], dict, bytes]:
    """The goose pushed at once: its fixes, all that came of it, and its export."""
    folder = tmp_path_factory.mktemp("goose")

    async def work(service: Service) -> tuple[list[dict], dict]:
        await live(service, [goose.drop("second").write_csv().encode()])
        await written(service, folder, "movebank-csv")
        return await service.rows(_KEPT), await service.content()

    return *served(new_database, work), (folder / "events.csv").read_bytes()


def test_a_goose_is_where_movebank_put_it(goose, whole) -> None:
    when = pl.col("timestamp").str.to_datetime(time_unit="us", time_zone="UTC")
    true = set(goose.filter("second").select(when).to_series())
    assert len(true) > 5
    assert {row["time"] for row in whole[0] if row["solution"] == 2} == true
    # Both solutions stay with the fix, the one in the other's place.
    sent = {tuple(map(float, row)) for row in goose.select("argos:lon1", "argos:lat1").rows()}
    for row in whole[0]:
        turned = "2" if row["solution"] == 2 else ""
        assert (row[f"lon{turned}"], row[f"lat{turned}"]) in sent


def test_a_goose_that_comes_late_and_out_of_order_is_there_as_well(
    goose, whole, new_database
) -> None:
    late = goose.gather_every(3, 1)
    rest = pl.concat([goose.gather_every(3, 2), goose.gather_every(3, 0)])

    async def work(service: Service) -> tuple[list[dict], dict]:
        await live(service, [p.drop("second").write_csv().encode() for p in (rest, late)])
        return await service.rows(_KEPT), await service.content()

    assert served(new_database, work) == whole[:2]


def test_an_export_gives_back_what_was_sent_and_what_was_chosen(whole, new_database) -> None:
    """Its reader finds the record as it came, and chooses as before."""

    async def work(service: Service) -> list[dict]:
        await live(service, [whole[2]])
        return await service.rows(_KEPT)

    assert served(new_database, work) == whole[0]


PASSES, CHOSEN = 12, 6


def passes(manual: str) -> bytes:
    """Passes of a crane at rest; of one the second solution lies by the others, the first far."""
    rows = []
    for n in range(PASSES):
        near, far = (f"{116 + n / 500:.3f}", "30.000"), (f"{98 + n:.3f}", "44.000")
        first, second = (far, near) if n == CHOSEN else (near, far)
        rows.append({
            "timestamp": f"2024-03-01 {n + 8:02}:00:00.000", "tag-local-identifier": "P7",
            "individual-local-identifier": "Crane 7", "argos:lc": "2",
            "location-long": first[0], "location-lat": first[1],
            "argos:lon1": first[0], "argos:lat1": first[1],
            "argos:lon2": second[0], "argos:lat2": second[1],
            "argos:valid-location-manual": manual if n == CHOSEN else "",
        })  # fmt: skip
    return table(rows)


_CHOICE = f"""
select lon, lat, lon2, lat2, solution, solution_by_hand from fix
where live order by time offset {CHOSEN} limit 1
"""


@pytest.mark.parametrize("manual", ["1", "2"])
async def test_the_solution_that_a_person_chose_stays(new_service, tmp_path, manual: str) -> None:
    far, near = (104.0, 44.0), (116.012, 30.0)
    where = far + near if manual == "1" else near + far
    at_once = await new_service()
    await live(at_once, [passes(manual)])
    choice = [list(row.values()) for row in await at_once.rows(_CHOICE)]
    assert choice == [[*where, 1, int(manual)]]
    await written(at_once, tmp_path, "movebank-csv")
    again = await new_service()
    await live(again, [(tmp_path / "events.csv").read_bytes()])
    assert await again.rows(_KEPT) == await at_once.rows(_KEPT)
    assert await again.rows(_CHOICE) == await at_once.rows(_CHOICE)
    told = (tmp_path / "events.csv").read_bytes()
    await written(again, tmp_path, "movebank-csv")
    assert (tmp_path / "events.csv").read_bytes() == told


async def test_a_choice_that_comes_later_or_is_said_no_more_holds(new_service) -> None:
    late = await new_service()
    first, second, third = await live(late, [passes(""), passes("1"), passes("") + b"\n"])
    assert [each["stored"] for each in (first, second, third)] == [PASSES, 0, 0]
    at_once = await new_service()
    await live(at_once, [passes("1")])
    assert await late.rows(_KEPT) == await at_once.rows(_KEPT)
    mine, other = await late.content(), await at_once.content()
    assert {who: said.keys() for who, said in mine.items()} == {
        who: said.keys() for who, said in other.items()
    }
    assert mine == other


# --- several products of one pass


@pytest.fixture(scope="module")
def products(shared_data: Path) -> tuple[bytes, bytes, bytes]:
    """DIAG and DS of one month, and birds for the platforms that both of them locate."""
    diag = (shared_data / RAW / "diag/990660_A.DIA").read_bytes()
    ds = (shared_data / RAW / "ds/990660_A.DAT").read_bytes()
    located = [
        set(ingest.decode(body, now_us=NOW_US).records.drop_nulls("lon")["tag"])
        for body in (diag, ds)
    ]
    return worn(sorted(located[0] & located[1])), diag, ds


NOW_US = 1_795_000_000_000_000

_PAIRS = """
select f.tag_id, f.time, count(*) as n, count(*) filter (where f.visible) as shown,
  bool_and(f.lon2 is not null) filter (where f.visible) as diag,
  count(distinct (f.lon, f.lat, f.argos_class)) as told,
  count(*) filter (where exists (select from fix_flag g where g.code = 'same-pass'
    and (g.tag_id, g.time, g.sensor, g.variant) = (f.tag_id, f.time, f.sensor, f.variant)))
    as outdone
from fix f where f.live and f.sensor = 1 group by f.tag_id, f.time
"""


async def _passes(service: Service, pushes: list[bytes]) -> tuple[list[dict], list[dict], dict]:
    receipts = await live(service, pushes)
    return receipts, await service.rows(_PAIRS), await service.content()


def test_diag_and_ds_of_a_pass_are_one(products, new_database) -> None:
    reference, diag, ds = products
    receipts, passes, content = served(
        new_database, lambda service: _passes(service, [diag, ds, reference])
    )
    first, second, _ = receipts
    assert (first["units"], first["refused"], first["without_position"]) == (448, 0, 217)
    assert (first["format"], first["state"], first["records"]) == ("argos-diag", "processed", 448)
    assert first["stored"] > 200
    assert (second["units"], second["units"] - second["refused"]) == (449, 448)
    assert second["stored"] + second["duplicates"] == 143
    both = [each for each in passes if each["n"] > 1 and each["outdone"]]
    assert len(both) == 134
    # One pass stands twice in DIAG, with two positions: the track decides.
    assert sum(each["n"] - each["outdone"] for each in both) == 134 + 1
    # Shown is what DIAG tells, or none where the track speaks against the place itself.
    assert all(each["shown"] <= 1 and each["diag"] in (True, None) for each in both)
    assert sum(each["shown"] for each in both) > 110
    *_, other = served(new_database, lambda service: _passes(service, [reference, ds, diag]))
    assert other == content


# --- several channels of one tag


def test_gps_over_argos_and_over_gsm_is_one_tag_without_doubling(new_database) -> None:
    """The tag's own logger and the PTT-GPS through Argos tell the same positions."""
    times = [f"2014-02-27 {hour:02}:00:00" for hour in range(12)]
    gsm = "\n".join(
        ["timestamp,location-long,location-lat,sensor-type,tag-local-identifier,height-above-msl"]
        + [f"{t}.000,{120 + n / 100:.5f},40.12345,gps,40001,13" for n, t in enumerate(times)]
    ).encode()
    header = (
        '"programNumber";"platformId";"satellite";"bestMsgDate";"locationDate";"latitude";'
        '"longitude";"altitude";"locationClass";"gpsSpeed";"gpsHeading"\n'
    )
    argos = (header + "".join(
        f'"9";"40001";"NP";"{t.replace(" ", "T")}.000Z";"{t.replace(" ", "T")}.000Z";"40.1234";'
        f'"{120 + n / 100:.4f}";"12";"G";"4";"90"\n' for n, t in enumerate(times)
    ) + "".join(
        f'"9";"40001";"NP";"{t[:14].replace(" ", "T")}30:00.000Z";'
        f'"{t[:14].replace(" ", "T")}30:00.000Z";"40.12";"{120 + n / 100:.3f}";"0";"2";"";""\n'
        for n, t in enumerate(times)
    )).encode()  # fmt: skip

    async def work(service: Service) -> tuple[list[dict], list[dict]]:
        await live(service, [worn(["40001"])])
        async with service.store.write() as conn:
            audience = await operate.operator(service.store)
            tag = (await reference.tags(conn, audience, limit=9))[0]["ref"]
            await reference.edit_tag(conn, audience, tag, aliases=["SN 861230"])
        # The logger knows the tag by its serial alone.
        await live(service, [gsm.replace(b"40001", b"SN 861230"), argos])
        rows = await service.rows(
            "select sensor, count(*) as n, count(*) filter (where visible) as shown,"
            " count(distinct tag_id) as tags from fix group by sensor order by sensor"
        )
        return rows, await service.rows("select local_identifier from tag")

    rows, tags = served(new_database, work)
    assert rows == [
        {"sensor": 0, "n": 24, "shown": 12, "tags": 1},
        {"sensor": 1, "n": 12, "shown": 12, "tags": 1},
    ]
    assert tags == [{"local_identifier": "40001"}]


# --- revisions of the provider


def message(number: int, revision: int, when: str, lat: float, device: str = "45020") -> dict:
    return {
        "deviceRef": device, "msgType": "operation-mo-event", "dopplerLocId": number,
        "dopplerRevision": revision, "dopplerDatetime": when, "dopplerLocLon": 168.3,
        "dopplerLocLat": lat, "dopplerLocErrorRadius": 260.0, "dopplerLocClass": "2",
    }  # fmt: skip


@pytest.fixture(scope="module")
def messages() -> list[dict]:
    """The two locations of CLS's sample that were revised: another time, 9 and 13 km away."""
    return [
        message(11, 0, "2026-05-17T01:28:53.197", -46.60373),
        message(11, 2, "2026-05-17T01:31:09.327", -46.68636),
        message(12, 1, "2026-05-17T01:53:40", -46.61),
        message(12, 2, "2026-05-17T01:55:11", -46.72),
    ]


def contents(*messages: dict) -> bytes:
    return orjson.dumps({"contents": messages})


async def _history(service: Service) -> list[tuple]:
    bird = (await service.rows("select id from individual"))[0]["id"]
    async with service.store.read() as conn:
        rows = await fixes.exact(
            conn, service.audience, bird, Filters(), fetch=99, history=True
        )  # fmt: skip
        stands = await fixes.exact(conn, service.audience, bird, Filters(), fetch=99)
    assert [r["variant"] for r in rows if not r["superseded"]] == [r["variant"] for r in stands]
    return [(r["provider_id"], r["provider_revision"], r["lat"], r["superseded"]) for r in rows]


def test_revised_locations_end_as_one_fix_each_in_any_order(messages, new_database) -> None:
    async def work(service: Service) -> tuple[list[tuple], dict]:
        await live(service, pushes)
        return await _history(service), await service.content()

    found = []
    old, new, older, newer = messages
    for first, second in (([old, older], [newer, new]), ([new, older], [newer, old])):
        pushes = [worn(["45020"]), contents(*first), contents(*second)]
        found.append(served(new_database, work))
    assert found[0][0] == [
        ("11", 0, -46.60373, True), ("11", 2, -46.68636, False),
        ("12", 1, -46.61, True), ("12", 2, -46.72, False),
    ]  # fmt: skip
    assert found[0] == found[1]


def test_stopovers_follow_a_revision(new_database) -> None:
    """A bird of two places for six days; a revision moves the last fix of its stay away."""

    def at(hour: int) -> str:
        return datetime.fromtimestamp(1_770_000_000 + 3_600 * hour, UTC).isoformat()[:19]

    stay = [message(n, 0, at(4 * n), 46.0 + n % 2 / 500) for n in range(36)]
    moved = message(35, 1, at(4 * 35), 44.5)

    async def work(service: Service) -> list[list[dict]]:
        seen = []
        for body in (worn(["45020"]), contents(*stay), contents(moved)):
            await live(service, [body])
            seen.append(await service.rows("select n_fixes, centre::text from stopover"))
        return seen

    _, before, after = served(new_database, work)
    assert [row["n_fixes"] for row in before] == [36]
    assert [row["n_fixes"] for row in after] == [35]


def test_a_revision_that_is_taken_back_lets_the_one_before_stand(messages, new_database) -> None:
    """Reading the later push in another way takes what it brought out of force."""

    async def work(service: Service) -> tuple[list[tuple], list[tuple]]:
        await live(service, [worn(["45020"]), contents(messages[0])])
        later = await service.push(contents(messages[1]))
        await service.drain()
        before = await _history(service)
        push = (await service.rows("select id from push where ref = :ref", ref=later.ref))[0]["id"]
        async with service.store.write() as conn:
            await decodings.replace_earlier(conn, push, 2)
        await service.drain()
        return before, await _history(service)

    before, after = served(new_database, work)
    assert [(revision, gone) for _, revision, _, gone in before] == [(0, True), (2, False)]
    assert [(revision, gone) for _, revision, _, gone in after] == [(0, False)]
