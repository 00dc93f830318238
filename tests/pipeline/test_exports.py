"""Files of an export: cells as Movebank writes them, whole or not there, and one box round all."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import orjson
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from app.errors import NotFound, SetupError
from app.pipeline.exports import (
    FORMATS,
    READ_FIRST,
    _clock,
    _events,
    _features,
    _millivolts,
    _reference,
    export,
)
from app.pipeline.geoparquet import Tables, _joined
from app.store import copying
from app.store.audience import Audience
from app.store.exports import COLUMNS
from app.store.sight import Filters
from ingest import SENSORS
from ingest.clock import parse_times
from ingest.formats.movebank_csv import MILLIVOLT_ABOVE
from tests.flow.conftest import START_US
from tests.pipeline import row_by_row

TIMES = st.datetimes(datetime(1978, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@settings(max_examples=25)
@given(TIMES, st.integers(-12, 12))
def test_a_clock_is_utc_and_reads_back_to_the_microsecond(time, zone) -> None:
    text = _clock(time.astimezone(timezone(timedelta(hours=zone))))
    assert len(text) in {23, 26} and "+" not in text
    (back,) = parse_times(pl.Series([text]), "UTC").to_list()
    assert back == (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert _clock(None) is None


@given(st.floats(0, 100, width=32).map(lambda volts: float(str(np.float32(volts)))))
def test_a_voltage_is_read_as_it_was(volts) -> None:
    cell = pl.select(pl.lit(volts).alias("battery_v")).select(_millivolts()).item()
    read = cell / 1_000 if cell > MILLIVOLT_ABOVE else cell
    assert read == pytest.approx(volts, abs=1e-9)


WORD = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1)
REAL = st.sampled_from([-0.0, 1e-05, 123456.78, 3.4028235e38, 1.17549435e-38]) | st.floats(
    -(2.0**40), 2.0**40, width=32
).map(lambda x: float(str(np.float32(x))))
KINDS = {pl.Float64: REAL, pl.String: WORD, pl.Boolean: st.booleans(), pl.Int32: st.integers(0, 9),
         pl.Int16: st.integers(0, 200)}  # fmt: skip
DEGREES = st.floats(-180, 180) | st.sampled_from([-0.0, 3e-05, 5e-324, 127.12345678901234])
KEPT = {
    "time": TIMES, "lon": DEGREES, "lat": DEGREES, "sensor": st.sampled_from([0, 1, 2]),
    "visible": st.booleans(), "error_m": REAL, "solution": st.sampled_from([1, 2]),
    "tag": WORD,
}  # fmt: skip
ASKED = {
    "lon2": DEGREES, "lat2": DEGREES, "activity": DEGREES, "taxon": WORD, "species_key": WORD,
    "individual": WORD, "verdict": st.sampled_from(["hide", "show"]),
    "solution_by_hand": st.sampled_from([1, 2]),
    "battery_v": st.floats(0, 100, width=32).map(lambda x: float(str(np.float32(x)))),
}  # fmt: skip
ROW = st.fixed_dictionaries(
    KEPT
    | {
        name: st.none() | ASKED.get(name, KINDS[COLUMNS.get(name, pl.String)])
        for name in {**COLUMNS, **ASKED}
        if name not in KEPT
    }
).map(lambda row: row | ({} if row["lat2"] is not None else {"lon2": None}))
ROW = ROW.map(lambda row: row | ({} if row["lon2"] is not None else {"lat2": None}))
"""A fix as the store hands it over, with all that may be said of it."""


def frame(rows) -> pl.DataFrame:
    kinds = {name: COLUMNS.get(name, pl.String) for name in rows[0]}
    return pl.DataFrame(rows, kinds | {"time": pl.Datetime("us", "UTC")})


def doubled(rows):
    """Give rows once and twice more, so that columns have words that differ and words alike."""
    return [*rows, *rows[:1] * 2]


@given(st.lists(ROW, min_size=1, max_size=5).map(doubled))
def test_what_is_written_by_columns_is_what_is_written_row_by_row(rows) -> None:
    said = _features(frame(rows)).to_list()
    assert [text.encode() for text in said] == [row_by_row.feature(row) for row in rows]
    assert _events(frame(rows)).write_csv(include_header=False) == row_by_row.events(rows)


@settings(max_examples=25)
@given(st.lists(ROW, min_size=1, max_size=5).map(doubled))
def test_a_table_holds_what_the_rows_hold(rows) -> None:
    file = io.BytesIO()
    table = Tables(file)
    table.add(frame(rows))
    table.close({})
    found = parquet.read_table(file)
    for name in found.column_names[:-1]:
        wanted = [SENSORS[row[name]] if name == "sensor" else row[name] for row in rows]
        assert list(map(exact, found[name].to_pylist())) == list(map(exact, wanted))
    places = [(p.x, p.y) for p in shapely.from_wkb(found["geometry"].to_pylist())]
    assert places == [(row["lon"], row["lat"]) for row in rows]


def exact(value: object) -> object:
    """Tell -0.0 from 0.0."""
    return repr(value) if isinstance(value, float) else value


POINTS = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=9)


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_a_box_of_boxes_is_the_box_of_all(chunks) -> None:
    box: list[float] = []
    for chunk in chunks:
        xs, ys = zip(*chunk, strict=True)
        box = _joined(box, [min(xs), min(ys), max(xs), max(ys)])
    xs, ys = zip(*(point for chunk in chunks for point in chunk), strict=True)
    assert box == [min(xs), min(ys), max(xs), max(ys)]


def test_terms_the_service_does_not_speak_go_behind_those_it_does() -> None:
    row = {"tag": "T", "individual": "A", "taxon": None, "deploy_on": None, "deploy_off": None,
           "deployment_id": "d", "aliases": ["b, c", "a"], "declared": True,
           "terms": {"tag-readout-method": "phone", "animal-sex": "f"}}  # fmt: skip
    bare = row | {"tag": "U", "aliases": [], "terms": {}, "declared": False}
    header, first, second = _reference([row, bare])
    assert header[-2:] == ["animal-sex", "tag-readout-method"]
    assert (first[-2:], second[-2:]) == (["f", "phone"], [None, None])
    other_names = header.index("flyways:tag-aliases")
    assert (first[other_names], second[other_names]) == ('["b, c","a"]', None)
    implied = header.index("flyways:deployment-implied")
    assert (first[implied], second[implied]) == (None, "true")
    assert len(header) == len(first) == len(second) == len(set(header))
    assert _reference([])[0] == header[:-2]


async def study(service):
    return (await service.rows("select ref from study"))[0]["ref"]


async def written(service, out, form, **filters):
    return await export(
        service.store, service.audience, await study(service), form=form, out=out,
        filters=Filters(**filters),
    )  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
async def test_what_is_told_is_what_is_written(life, tmp_path, form) -> None:
    told = await written(life, tmp_path, form)
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {*told["files"], READ_FIRST}
    assert orjson.loads((tmp_path / READ_FIRST).read_bytes()) == told
    shown = (await life.rows("select count(*) as n from fix where live and visible"))[0]["n"]
    live = (await life.rows("select count(*) as n from fix where live"))[0]["n"]
    tracks = form in {"mf-json", "geopackage"}
    assert told["fixes"] == (shown if tracks else live)
    assert shown < live
    assert told.get("tracks") == (2 if tracks else None)


async def test_all_fixes_are_in_each_file_once(life, tmp_path) -> None:
    wanted = [
        (row["lon"], row["lat"])
        for row in await life.rows("select lon, lat from fix where live order by lon, lat")
    ]
    for form in FORMATS[:3]:
        await written(life, tmp_path / form, form)
    with (tmp_path / "movebank-csv/events.csv").open() as file:
        cells = list(csv.DictReader(file))
    said = [(float(r["location-long"]), float(r["location-lat"])) for r in cells]
    assert sorted(said) == wanted
    features = orjson.loads((tmp_path / "geojson/fixes.geojson").read_bytes())["features"]
    assert sorted(tuple(f["geometry"]["coordinates"]) for f in features) == wanted
    file = parquet.ParquetFile(tmp_path / "geoparquet/fixes.parquet")
    assert file.metadata.num_rows == len(wanted)
    box = orjson.loads(file.metadata.metadata[b"geo"])["columns"]["geometry"]["bbox"]
    assert box == [
        wanted[0][0],
        min(y for _, y in wanted),
        wanted[-1][0],
        max(y for _, y in wanted),
    ]


@pytest.mark.parametrize("form", FORMATS)
async def test_a_time_without_fixes_gives_whole_files_of_nothing(life, tmp_path, form) -> None:
    told = await written(life, tmp_path, form, time_to=datetime(2000, 1, 1, tzinfo=UTC))
    assert told["fixes"] == 0
    for name in told["files"]:
        body = (tmp_path / name).read_bytes()
        assert body
        if name.endswith(("json",)):
            assert orjson.loads(body)["features"] == []


async def test_chunks_join_without_a_seam(life, tmp_path, monkeypatch) -> None:
    await written(life, tmp_path / "one", "geojson")
    monkeypatch.setattr(copying, "PIECE_BYTES", 700)
    await written(life, tmp_path / "other", "geojson")
    one, other = ((tmp_path / name / "fixes.geojson").read_bytes() for name in ("one", "other"))
    assert one == other


async def test_a_bird_alone_and_a_day_alone(life, tmp_path) -> None:
    first = datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(days=20)
    (bird,) = await life.rows(
        "select ref, local_identifier as n from individual order by id limit 1"
    )
    told = await written(life, tmp_path, "geojson", individual=bird["ref"], time_from=first,
                         time_to=first + timedelta(days=1))  # fmt: skip
    found = orjson.loads((tmp_path / "fixes.geojson").read_bytes())["features"]
    assert 0 < told["fixes"] == len(found) <= 13
    assert {f["properties"]["individual"] for f in found} == {bird["n"]}


async def test_what_cannot_be_written_is_told_and_nothing_is_left(life, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SetupError, match="--out"):
        await written(life, tmp_path / "file", "geojson")
    with pytest.raises(NotFound):
        await export(life.store, Audience("public"), await study(life), form="geojson",
                     out=tmp_path / "out", filters=Filters())  # fmt: skip
    assert list((tmp_path / "out").iterdir()) == []
