"""What goes out comes in again as it was, and opens in the programs people have."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import geopandas
import pytest
from pyarrow import parquet

from app.errors import NotFound, SetupError
from app.movement.simulate import flock_csv, reference_csv
from app.pipeline.exports import READ_FIRST, export
from app.store import exports as reads
from app.store import reference, verdicts
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import Filters
from tests.flow.conftest import Service, filled, flock
from tests.pipeline import row_by_row

GPS = flock(seed=3, birds=2, days=60, gross_error_share=0.02)
ARGOS = flock(seed=4, birds=1, days=30, sensor="argos", interval_s=5400.0)
BIRD = '=Bird, "one"'
PLACES = ["127.5,34.8", "127.6,34.9", "127.7,34.9", "0,0", ","]
SAID = [
    {"sensor-type": "argos-doppler-shift", "argos:lc": "2", "argos:lon1": "127.5",
     "argos:lat1": "34.8", "argos:lon2": "120.25", "argos:lat2": "33.125",
     "argos:semi-major": "900", "argos:semi-minor": "300", "argos:orientation": "45",
     "tag-voltage": "3712", "external-temperature": "-3.7"},
    {"timestamp": "2024-03-01 01:00:00.123456", "tag-voltage": "3.8", "ground-speed": "11.3",
     "heading": "359.5", "gps:satellite-count": "7", "gps:hdop": "1.9",
     "external-temperature": "21.5", "activity-count": "1271", "height-above-msl": "12.7",
     "location-error-numerical": "15.5"},
    {"tag-voltage": "0.05", "import-marked-outlier": "true", "height-above-msl": "-2"},
    {},
    {"tag-voltage": "3500", "external-temperature": "4.5", "activity-count": "17"},
    {"tag-local-identifier": "T2", "individual-local-identifier": "", "sensor-type": "other",
     "location-long": "127.5", "location-lat": "34.8"},
]  # fmt: skip
"""Everything a record can say, with a name that spreadsheets and careless writers stumble over."""


def odd() -> bytes:
    rows = []
    for hour, more in enumerate(SAID):
        lon, lat = PLACES[hour].split(",") if hour < len(PLACES) else ("", "")
        rows.append(
            {"timestamp": f"2024-03-01 {hour:02d}:00:00.000", "location-long": lon,
             "location-lat": lat, "tag-local-identifier": "T1",
             "individual-local-identifier": BIRD, "sensor-type": "gps",
             "individual-taxon-canonical-name": "Grus vipio"} | more
        )  # fmt: skip
    return table(rows)


def table(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list({name: None for row in rows for name in row}))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


ODD = odd()
ODD_REFERENCE = table(
    [
        {"tag-id": "T1", "animal-id": BIRD, "animal-taxon": "Grus vipio",
         "deploy-on-date": "2024-02-01 08:30:00.000", "deploy-off-date": "2024-03-01 04:30:00.000",
         "animal-sex": "f", "tag-manufacturer-name": "Druid, Ltd", "deployment-id": "d1"},
        {"tag-id": "T9", "animal-id": "Bird nine", "animal-taxon": "Grus monacha",
         "deploy-on-date": "2024-02-01", "animal-sex": "m", "study-site": "Weir",
         "deploy-off-date": "2024-03-20", "deployment-end-type": "fall-off"},
        # A second tag on the same bird in the same season.
        {"tag-id": "T8", "animal-id": "Bird nine", "animal-taxon": "Grus monacha",
         "deploy-on-date": "2024-03-01", "animal-sex": "m", "study-site": "Dyke, \"new\"",
         "attachment-type": "harness", "a note": "x"},
    ]
)  # fmt: skip

FACTS = {
    "deployments": "select t.local_identifier as tag, i.local_identifier as bird, i.taxon,"
    " i.species_key, i.terms as bird_terms, t.terms as tag_terms, d.during::text, d.declared,"
    " d.local_identifier as name, d.terms, array(select alias from tag_alias where"
    " tag_id = t.id order by alias) as aliases from deployment d join tag t on t.id = d.tag_id"
    " join individual i on i.id = d.individual_id where d.replaced_at is null order by 1, 7",
    "fixes": "select t.local_identifier as tag, to_jsonb(f) - array['tag_id', 'decoding_id',"
    " 'study_id'] as said from fix f join tag t on t.id = f.tag_id where f.live"
    " order by t.local_identifier, f.time, f.sensor, f.variant",
    "readings": "select t.local_identifier as tag, r.time, r.battery_v, r.temperature_c,"
    " r.activity from reading r join tag t on t.id = r.tag_id order by 1, 2",
    "flags": "select t.local_identifier as tag, g.time, g.sensor, g.variant, g.code, g.origin"
    " from fix_flag g join tag t on t.id = g.tag_id order by 1, 2, 3, 4, 5",
}  # fmt: skip


async def study_of(service: Service) -> UUID:
    return (await service.rows("select ref from study"))[0]["ref"]


async def written(service: Service, out: Path, form: str, **filters) -> dict:
    return await export(
        service.store, service.audience, await study_of(service), form=form, out=out,
        filters=Filters(**filters),
    )  # fmt: skip


@pytest.fixture(scope="module")
def filled_once(new_database) -> str:
    bodies = (reference_csv(GPS), flock_csv(GPS), flock_csv(ARGOS), ODD, ODD_REFERENCE)
    return filled(new_database(), bodies)


@pytest.fixture
async def full(filled_once, new_copy) -> Service:
    return await new_copy(filled_once)


@pytest.fixture(scope="module")
def little(new_database) -> str:
    return filled(new_database(), [ODD])


async def test_a_movebank_export_makes_the_same_study_again(full, new_service, tmp_path) -> None:
    called = {"T1": ['SN 7, "old"', "0071"], "T8": ["=8"]}
    tags = "select ref, local_identifier as name from tag where local_identifier = any(:names)"
    async with full.store.write() as conn:
        for tag in await execute(conn, tags, {"names": list(called)}):
            await reference.edit_tag(conn, full.audience, tag["ref"], aliases=called[tag["name"]])
    told = await written(full, tmp_path, "movebank-csv")
    assert told["fixes"] == (await full.rows("select count(*) as n from fix where live"))[0]["n"]
    assert told["without_position"] == await full.count("reading") > 0
    again = await new_service()
    for name in reversed(told["files"]):
        await again.push((tmp_path / name).read_bytes())
    await again.drain()
    for name, sql in FACTS.items():
        assert await again.rows(sql) == await full.rows(sql), name
    assert await again.content() == await full.content()
    assert {r["origin"] for r in await full.rows(FACTS["flags"])} == {"record", "track"}
    assert not await again.count("refusal")


async def test_what_names_imply_is_implied_again_beside_what_is_said_of_it(
    service, new_service, tmp_path
) -> None:
    rows = [
        {"timestamp": f"2024-03-{day:02} 0{hour}:00:00.000", "location-long": "127.5",
         "location-lat": "34.8", "tag-local-identifier": tag, "individual-local-identifier": bird}
        for hour, tag in enumerate(("T1", "T2"))
        for day, bird in ((1, ""), (2, "A"), (3, ""), (4, "B"), (5, ""), (6, "A"))
    ]  # fmt: skip
    await service.push(table(rows))
    await service.push(
        table([{"tag-id": "T2", "animal-id": "B", "deploy-on-date": "2024-03-02 00:00:00.000",
                "animal-sex": "f", "study-site": "Weir"}])
    )  # fmt: skip
    await service.drain()
    async with service.store.write() as conn:
        (tag,) = await execute(conn, "select ref from tag where local_identifier = 'T1'")
        await reference.edit_tag(conn, service.audience, tag["ref"], aliases=["SN-1"])
    assert (await written(service, tmp_path, "movebank-csv"))["deployments"] == 4
    again = await new_service()
    for name in ("reference.csv", "events.csv"):
        await again.push((tmp_path / name).read_bytes())
    await again.drain()
    for name, sql in FACTS.items():
        assert await again.rows(sql) == await service.rows(sql), name
    assert await again.content() == await service.content()


SHOWN = (
    "select t.local_identifier as tag, f.time, f.lon, f.lat, f.visible"
    " from fix f join tag t on t.id = f.tag_id where f.live order by 1, 2, 3, 4"
)
DECIDED = (
    "select t.local_identifier as tag, v.time, v.sensor, v.variant, v.verdict, v.reason"
    " from fix_verdict v join tag t on t.id = v.tag_id where v.undone_at is null order by 1, 2"
)


async def decide(service: Service, fixes: list[dict], verdict: str) -> None:
    async with service.store.write() as conn:
        for fix in fixes:
            name = verdicts.FixName(
                fix["time"], tag=fix["ref"], sensor=fix["sensor"], variant=fix["variant"]
            )
            reason = f'{verdict}: known, of "{fix["variant"]}"'
            await verdicts.decide(conn, service.audience, name, verdict=verdict, reason=reason)
    await service.drain()


async def test_what_people_decided_goes_out_and_comes_in_again(full, new_service, tmp_path) -> None:
    fix = (
        "select f.time, f.sensor, f.variant, t.ref, t.local_identifier as tag, f.marked_outlier"
        " from fix f join tag t on t.id = f.tag_id where f.live and"
    )
    hidden = await full.rows(f"{fix} not f.visible order by f.tag_id, f.time")
    odd = [row for row in hidden if row["tag"] == "T1"]
    shown = odd + [row for row in hidden if row["tag"] != "T1"][:2]
    # Hidden by a mark of the sender, by a check of the record, and by two of the track.
    assert {row["marked_outlier"] for row in odd} == {True, False} and len(shown) == 4
    await decide(full, shown, "show")
    gone = await full.rows(f"{fix} f.visible order by f.tag_id, f.time offset 20 limit 2")
    gone += await full.rows(f"{fix} t.local_identifier = 'T2'")  # nobody wears it
    await decide(full, gone, "hide")
    told = await written(full, tmp_path, "movebank-csv")
    again = await new_service()
    for name in told["files"]:
        await again.push((tmp_path / name).read_bytes())
    await again.drain()
    assert await again.rows(SHOWN) == await full.rows(SHOWN)
    assert await again.rows(DECIDED) == await full.rows(DECIDED)
    for name in ("fixes", "flags"):
        assert await again.rows(FACTS[name]) == await full.rows(FACTS[name]), name
    assert await again.content() == await full.content()
    by_hand = hands(tmp_path)
    assert by_hand["manually-marked-valid"] == len(shown)
    assert by_hand["manually-marked-outlier"] == len(gone)
    first = (tmp_path / "events.csv").read_bytes()
    await written(again, tmp_path, "movebank-csv")
    assert (tmp_path / "events.csv").read_bytes() == first


def hands(folder: Path) -> Counter[str]:
    """Count the fixes of an export that a person decided about, by the column that says so."""
    with (folder / "events.csv").open(newline="") as file:
        return Counter(
            name
            for row in csv.DictReader(file)
            for name in ("manually-marked-valid", "manually-marked-outlier")
            if row[name] == "true"
        )


async def test_a_file_does_not_decide_again_what_was_taken_back_here(service) -> None:
    row = {
        "timestamp": "2024-03-01 00:00:00.000", "location-long": "0", "location-lat": "0",
        "tag-local-identifier": "T1", "manually-marked-valid": "true",
    }  # fmt: skip
    await service.push(table([row | {"manually-marked-valid": ""}]))
    await service.drain()
    visible = "select visible from fix where live"
    assert [each["visible"] for each in await service.rows(visible)] == [False]
    # The same fix with a person's word for it is no other fix: a duplicate that shows the first.
    await service.push(table([row]))
    await service.drain()
    (decided,) = await service.rows("select id, decided_by, reason from fix_verdict")
    assert (decided["decided_by"], decided["reason"]) == ("the sender", "manually-marked-valid")
    async with service.store.write() as conn:
        await verdicts.undo(conn, service.audience, decided["id"])
    await service.push(table([row | {"location-lat": "0.0"}]))
    await service.drain()
    assert await service.count("fix_verdict") == 1
    assert await service.rows("select 1 from fix_verdict where undone_at is null") == []


async def test_what_a_reader_of_the_file_sees(full, tmp_path) -> None:
    await written(full, tmp_path, "movebank-csv")
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    hidden = [row for row in rows if row["visible"] == "false"]
    assert hidden and all(row["flyways:flags"] for row in hidden)
    odd = {row["timestamp"]: row for row in rows if row["tag-local-identifier"] == "T1"}
    first = odd["2024-03-01 00:00:00.000"]
    assert first["individual-local-identifier"] == BIRD
    assert (first["tag-voltage"], first["argos:lon2"]) == ("3712.0", "120.25")
    assert odd["2024-03-01 01:00:00.123456"]["ground-speed"] == "11.3"
    assert odd["2024-03-01 02:00:00.000"]["import-marked-outlier"] == "true"


async def test_geojson_and_geoparquet_open_and_say_the_same(full, tmp_path) -> None:
    counts = {form: (await written(full, tmp_path, form))["fixes"] for form in FORMS}
    collection = json.loads((tmp_path / "fixes.geojson").read_text())
    assert collection["type"] == "FeatureCollection" and collection["name"] == "Cranes"
    frame = geopandas.read_parquet(tmp_path / "fixes.parquet")
    assert counts == {"geojson": len(collection["features"]), "geoparquet": len(frame)}
    assert frame.crs == "OGC:CRS84"
    for feature, point, visible in zip(
        collection["features"], frame.geometry, frame["visible"], strict=True
    ):
        assert feature["geometry"]["coordinates"] == [point.x, point.y]
        assert feature["properties"]["visible"] == visible
    geo = json.loads(parquet.read_metadata(tmp_path / "fixes.parquet").metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["bbox"] == pytest.approx(frame.total_bounds.tolist())
    assert json.loads((tmp_path / READ_FIRST).read_text())["files"] == ["fixes.parquet"]


async def test_files_are_those_of_a_plain_writer_row_by_row(full, tmp_path) -> None:
    key = "f.time, f.sensor, f.variant, t.ref from fix f join tag t on t.id = f.tag_id"
    for verdict, marked in (("show", "f.marked_outlier"), ("hide", "f.lon2 is not null")):
        await decide(full, await full.rows(f"select {key} where f.live and {marked}"), verdict)
    rows = await full.rows(row_by_row.FIXES)
    assert {row["verdict"] for row in rows} == {"show", "hide", None}
    assert {row["solution"] for row in rows} == {1, 2} or any(row["lon2"] for row in rows)
    for form in ("geojson", "movebank-csv"):
        await written(full, tmp_path, form)
    head, *lines, end = (tmp_path / "fixes.geojson").read_bytes().split(b"\n")[:-1]
    assert head.startswith(b'{"type":"FeatureCollection","name":"Cranes",') and end == b"]}"
    assert b"\n".join(lines) == b",\n".join(row_by_row.feature(row) for row in rows)
    events = (tmp_path / "events.csv").read_text()
    assert events.partition("\n")[2].startswith(row_by_row.events(rows))


FORMS = ("geojson", "geoparquet")


async def test_tracks_open_in_the_programs_of_trajectories(full, tmp_path) -> None:
    shown = (
        "select i.local_identifier as bird, count(distinct f.time) as n from fix f"
        " join deployment d on d.tag_id = f.tag_id and d.replaced_at is null"
        " and d.during @> f.time join individual i on i.id = d.individual_id"
        " where f.visible and f.live group by 1 having count(distinct f.time) > 1"
    )
    wanted = {row["bird"]: row["n"] for row in await full.rows(shown)}
    told = await written(full, tmp_path, "mf-json")
    assert told["fixes"] == sum(wanted.values())
    moving = json.loads((tmp_path / "tracks.mfjson").read_text())["features"]
    assert {f["properties"]["individual"]: f["properties"]["n_fixes"] for f in moving} == wanted
    for feature in moving:
        way = feature["temporalGeometry"]
        assert way["type"] == "MovingPoint"
        assert len(way["coordinates"]) == len(way["datetimes"])
        assert way["datetimes"] == sorted(way["datetimes"])
        assert all(datetime.fromisoformat(time).tzinfo == UTC for time in way["datetimes"])
    told = await written(full, tmp_path, "geopackage")
    lines = geopandas.read_file(tmp_path / "tracks.gpkg", layer="tracks")
    assert told["lines"] == len(lines)
    assert set(lines["individual"]) <= set(wanted)
    assert lines.crs == "EPSG:4326"
    assert set(lines.geom_type) == {"MultiLineString"}
    assert (lines["time_first"] < lines["time_last"]).all()
    assert lines["n_fixes"].sum() <= sum(wanted.values())


@pytest.mark.parametrize("form", ["movebank-csv", "mf-json", "geopackage", *FORMS])
async def test_an_empty_window_is_an_empty_file(little, new_copy, tmp_path, form) -> None:
    service = await new_copy(little)
    late = datetime(2030, 1, 1, tzinfo=UTC)
    assert (await written(service, tmp_path, form, time_from=late))["fixes"] == 0
    if form == "geojson":
        assert json.loads((tmp_path / "fixes.geojson").read_text())["features"] == []


async def test_one_bird_and_one_time(full, tmp_path) -> None:
    bird = (await full.rows("select ref from individual where local_identifier like '=%'"))[0]
    late = datetime(2024, 3, 1, 1, tzinfo=UTC)
    told = await written(
        full, tmp_path, "movebank-csv", individual=bird["ref"], time_from=late
    )  # fmt: skip
    assert (told["fixes"], told["without_position"], told["deployments"]) == (3, 1, 1)


async def test_only_the_owner_gets_a_study(little, new_copy, tmp_path) -> None:
    service = await new_copy(little)
    stranger = Audience("institute", institute_id=99, open=(service.study_id,))
    with pytest.raises(NotFound):
        await export(
            service.store, stranger, await study_of(service), form="geojson", out=tmp_path,
            filters=Filters(),
        )  # fmt: skip
    async with service.store.read() as conn:
        wanted = (conn, stranger, service.study_id, Filters())
        assert await reads.fixes(*wanted, columns=reads.COLUMNS, take=pytest.fail) == 0
        assert await reads.readings(*wanted, take=pytest.fail) == 0
        assert await reads.deployments(*wanted) == []
        assert await reads.individuals(*wanted) == []
    assert list(tmp_path.iterdir()) == []


async def test_no_half_file_is_left(full, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Callable[[], None]:
        raise OSError("disk full")

    monkeypatch.setattr("app.pipeline.exports._features", broken)
    with pytest.raises(SetupError, match=r"disk full\. Name another place"):
        await written(full, tmp_path, "geojson")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_in_the_way_is_told(service, tmp_path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SetupError, match="--out"):
        await written(service, tmp_path / "taken", "geojson")
