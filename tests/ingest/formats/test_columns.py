"""Files of unknown makers, read as a mapping says: what was put in comes out."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    FORMATS,
    ColumnMapping,
    UnreadablePush,
    decode,
    decode_pieces,
    open_push,
    read_mapping,
)
from ingest.mapping import UNITS
from tests.ingest.formats.test_xlsx import workbook
from tests.ingest.promises import check

NOW_US = 1_795_000_000_000_000
TERMS = {
    "tag": "tag-local-identifier", "individual": "individual-local-identifier",
    "time": "timestamp", "lon": "location-long", "lat": "location-lat",
    "ground_speed_m_s": "ground-speed", "height_m": "height-above-msl", "battery_v": "tag-voltage",
}  # fmt: skip
NUMBERS = ("lon", "lat", "ground_speed_m_s", "height_m", "battery_v")
PLAIN = {name: word for name, word in TERMS.items() if name in ("tag", "time", "lon", "lat")}

names = st.text("abc 经度위кш#°_()/-", min_size=1, max_size=8).map(str.strip).filter(bool)
rows = st.fixed_dictionaries(
    {
        "tag": st.sampled_from(["7", "HQBG-07", "丹頂 1"]),
        "individual": st.sampled_from(["A", "B"]),
        "time": st.integers(650_000_000, 1_700_000_000).map(
            lambda s: datetime.fromtimestamp(s, UTC).replace(tzinfo=None)
        ),
        "lon": st.floats(-180, 180).map(lambda x: round(x, 5)),
        "lat": st.floats(-90, 90).map(lambda x: round(x, 5)),
        "ground_speed_m_s": st.none() | st.integers(0, 40).map(float),
        "height_m": st.none() | st.integers(-100, 9_000).map(float),
        "battery_v": st.none() | st.floats(0, 5).map(lambda x: round(x, 3)),
    }
)
FORMATS_OF_TIME = (
    None,
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y年%m月%d日 %H:%M:%S",
    "%y%m%d %H%M%S",
)


@st.composite
def described(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, str], list[dict[str, object]]]:
    """A mapping, the columns of its fields, and rows."""
    columns = draw(st.lists(names, min_size=len(TERMS), max_size=len(TERMS), unique=True))
    own = dict(zip(TERMS, columns, strict=True))
    units = {
        TERMS[name]: draw(st.sampled_from(sorted(UNITS[name])))
        for name in ("ground_speed_m_s", "height_m", "battery_v")
    }
    kind = draw(st.sampled_from(["table", "json"]))
    held: dict[str, object] = {
        "kind": kind,
        "terms": {TERMS[name]: column for name, column in own.items()},
        "units": units,
        "decimal": draw(st.sampled_from([".", ","])),
        "time_format": draw(st.sampled_from(FORMATS_OF_TIME)),
        "missing": ["-9999", "--"],
        "skip_lines": draw(st.integers(0, 3)) if kind == "table" else 0,
    }
    return held, own, draw(st.lists(rows, min_size=1, max_size=6))


def text_of(held: dict[str, object], name: str, value: object) -> str:
    if value is None:
        return "-9999.0" if name == "height_m" else "--"
    if isinstance(value, datetime):
        form = held["time_format"]
        return value.strftime(str(form)) if form else value.isoformat(" ")
    if name in NUMBERS:
        units = held["units"]
        assert isinstance(units, dict)
        per = UNITS[name][units[TERMS[name]]] if TERMS[name] in units else 1.0
        return repr(float(str(value)) * per).replace(".", str(held["decimal"]))
    return str(value)


def file_of(held: dict[str, object], own: dict[str, str], sent: list[dict[str, object]]) -> bytes:
    told = [{own[name]: text_of(held, name, row[name]) for name in own} for row in sent]
    if held["kind"] == "json":
        return json.dumps({"data": told}, ensure_ascii=False).encode()
    out = io.StringIO()
    out.write("a note, with a comma\n" * int(str(held["skip_lines"])))
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(own.values())
    writer.writerows([row[column] for column in own.values()] for row in told)
    return out.getvalue().encode()


@settings(max_examples=15)
@given(described())
def test_any_mapping_over_any_rows_gives_the_values_put_in(case: tuple) -> None:
    held, own, sent = case
    mapping = read_mapping(held)
    decoded = decode(file_of(held, own, sent), mapping=mapping, tz="UTC+8", now_us=NOW_US)
    assert not decoded.refusals
    for got, row in zip(decoded.records.iter_rows(named=True), sent, strict=True):
        local = row["time"].replace(tzinfo=timezone(timedelta(hours=8)))
        assert got["time_us"] == int(local.timestamp()) * 1_000_000
        assert (got["tag"], got["individual"]) == (row["tag"], row["individual"])
        for name in NUMBERS:
            want = row[name]
            assert got[name] == (want if want is None else pytest.approx(want, abs=1e-9)), name


def mapping_of(**more: object) -> ColumnMapping:
    terms = {word: name for name, word in PLAIN.items()}
    return read_mapping({"kind": "table", "terms": terms, **more})


def times(text: str, form: str | None) -> list[datetime]:
    rows = f"tag;time;lon;lat\n7;{text};1;2\n".encode()
    decoded = decode(rows, mapping=mapping_of(time_format=form), now_us=NOW_US)
    return [datetime.fromtimestamp(us / 1e6, UTC) for us in decoded.records["time_us"]]


@pytest.mark.parametrize(
    ("text", "form", "hour"),
    [
        ("05-Jul-2018 12:00 AM", "%d-%b-%Y %I:%M %p", 0),
        ("05-jul-2018 12:30 pm", "%d-%b-%Y %I:%M %p", 12),
        ("5/7/18  8:00", "%d/%m/%y %H:%M", 8),
        ("2018-07-05T08:00+09:00", "%Y-%m-%dT%H:%M%z", 23),
        ("1530777600", None, 8),
        ("1530777600000", None, 8),
    ],
)
def test_times_as_makers_write_them(text: str, form: str | None, hour: int) -> None:
    (found,) = times(text, form)
    assert (found.year, found.month, found.hour) == (2018, 7, hour)


@pytest.mark.parametrize(
    ("text", "form"),
    [("13:00 PM 5.7.2018", "%I:%M %p %d.%m.%Y"), ("5.13.2018 8", "%d.%m.%Y %H"),
     ("", "%d.%m.%Y %H")],
)  # fmt: skip
def test_times_that_are_none_are_refused(text: str, form: str) -> None:
    assert times(text, form) == []


def test_day_and_month_the_other_way_round_is_suspect() -> None:
    lines = [f"7;{month}/{day}/2018 8:00;1;2" for month in range(1, 13) for day in range(1, 13)]
    mapping = mapping_of(time_format="%d/%m/%Y %H:%M")
    few = decode(
        "\n".join(["tag;time;lon;lat", *lines[:10]]).encode(), mapping=mapping, now_us=NOW_US
    )
    assert few.warnings == []
    low = decode("\n".join(["tag;time;lon;lat", *lines]).encode(), mapping=mapping, now_us=NOW_US)
    assert [w.code for w in low.warnings] == ["day-month-suspect"]
    seen = decode(b"tag;time;lon;lat\n7;5/25/2018 8:00;1;2\n", mapping=mapping, now_us=NOW_US)
    assert "%m/%d/%Y" in seen.warnings[0].detail
    assert [r.code for r in seen.refusals] == ["time-unreadable"]


def test_a_workbook_is_read_from_its_first_fitting_sheet() -> None:
    book = workbook([["tag", "time", "lon", "lat"], ["7", "2018-07-05 08:00:00", 1.5, 2.5]])
    decoded = decode(book, mapping=mapping_of(), now_us=NOW_US)
    assert decoded.records.select("tag", "lon").rows() == [("7", 1.5)]
    with pytest.raises(UnreadablePush) as caught:
        decode(workbook([["a", "b"], [1, 2]]), mapping=mapping_of(), now_us=NOW_US)
    assert caught.value.code == "columns-missing"


def test_what_the_table_lacks_is_told() -> None:
    terms = {**{word: name for name, word in PLAIN.items()}, "heading": "course"}
    mapping = read_mapping({"kind": "table", "terms": terms})
    decoded = decode(b"tag,time,lon,lat\n7,2018-07-05 08:00,1,2\n", mapping=mapping, now_us=NOW_US)
    assert [(w.code, "course" in w.detail) for w in decoded.warnings] == [("columns-absent", True)]
    with pytest.raises(UnreadablePush) as caught:
        decode(b"tag,zeit,lon,lat\n", mapping=mapping, now_us=NOW_US)
    assert "zeit" in caught.value.detail
    assert "skip_lines" in caught.value.remedy
    with pytest.raises(UnreadablePush):
        decode(b"tag,time,lon,lat\n", mapping=mapping_of(skip_lines=5), now_us=NOW_US)


def test_lines_above_the_header_keep_the_place_of_refusals() -> None:
    text = b"made by X\r\nunits: SI\r\ntag,time,lon,lat\r\n7,never,1,2\r\n"
    decoded = decode(text, mapping=mapping_of(skip_lines=2), now_us=NOW_US)
    assert text[decoded.refusals[0].offset :].startswith(b"7,never")


def test_sensors_are_named_or_stated() -> None:
    terms = {
        **{word: name for name, word in PLAIN.items()},
        "sensor-type": "kind",
        "argos:lc": "lc",
    }
    mapping = read_mapping({"kind": "table", "terms": terms, "sensor": "argos"})
    text = b"tag,time,lon,lat,kind,lc\n7,2018-07-05 08:00,1,2,GPS,\n7,2018-07-05 09:00,1,2,,b\n"
    decoded = decode(text, mapping=mapping, now_us=NOW_US)
    assert decoded.records.select("sensor", "argos_class").rows() == [("gps", None), ("argos", "B")]


def test_a_class_without_a_sensor_is_of_argos() -> None:
    terms = {**{word: name for name, word in PLAIN.items()}, "argos:lc": "lc"}
    text = b"tag,time,lon,lat,lc\n7,2018-07-05 08:00,1,2,\n7,2018-07-05 09:00,1,2,b\n"
    decoded = decode(text, mapping=read_mapping({"kind": "table", "terms": terms}), now_us=NOW_US)
    assert decoded.records.select("sensor", "argos_class").rows() == [("gps", None), ("argos", "B")]


def test_a_mapping_is_no_format_by_itself() -> None:
    assert "columns" not in FORMATS


@settings(max_examples=25)
@given(
    st.binary(max_size=200), st.sampled_from(["table", "json"]), st.sampled_from(FORMATS_OF_TIME)
)
def test_any_bytes(payload: bytes, kind: str, form: str | None) -> None:
    terms = {word: name for name, word in PLAIN.items()}
    mapping = read_mapping({"kind": kind, "terms": terms, "time_format": form})
    head = b"tag,time,lon,lat\n" if kind == "table" else b""
    check(head + payload, mapping=mapping)


COMPACT = (
    "260301080000", "010326080000", "030126080000", "2603010800", "1503240800", "202603010800",
    "20260301080000", "503240800",
)  # fmt: skip
COUNTS = ("1709280061", "1709280061000", "999999999", "1530787690.0")


@pytest.mark.parametrize("lines", [1, 1_000])
def test_a_count_that_may_be_a_date_is_refused(lines: int) -> None:
    terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    sent = ["n,t,x,y", *(f"A,{text},116.3,29.1" for text in [*COMPACT, *COUNTS])]
    payload = "\n".join(sent).encode()
    said = {"kind": "table", "terms": terms}
    push = open_push(io.BytesIO(payload), mapping=read_mapping(said), limit_bytes=10**6)
    pieces = list(decode_pieces(push, now_us=NOW_US, lines=lines))
    refused = [(each.unit, each.code) for piece in pieces for each in piece.refusals]
    assert refused == [(unit, "time-is-compact") for unit in range(1, len(COMPACT) + 1)]
    assert sum(piece.records.height for piece in pieces) == len(COUNTS)
    stated = decode(payload, mapping=read_mapping(said | {"time_format": "%s"}), now_us=NOW_US)
    codes = {each.unit: each.code for each in stated.refusals}
    assert set(codes.values()) <= {"time-out-of-window"}
    assert {4, 5} & codes.keys() == {4}  # 1503240800 s are 2017-08-20
    dated = decode(
        payload, mapping=read_mapping(said | {"time_format": "%y%m%d%H%M%S"}), now_us=NOW_US
    )
    assert dated.records["time_us"][0] == 1_772_352_000_000_000  # 2026-03-01 08:00


def geojson(crs: str, *, swapped: bool = False) -> tuple[bytes, ColumnMapping]:
    path = "geometry.coordinates."
    terms = {"tag-id": "properties.id", "timestamp": "properties.at"}
    axes = {"location-long": f"{path}{int(swapped)}", "location-lat": f"{path}{int(not swapped)}"}
    features = [
        {"geometry": {"type": "Point", "coordinates": at}, "properties": {"id": "7", "at": t}}
        for at, t in (
            ([12_245_143.99, 4_865_942.28], "2024-04-01T10:00:00Z"),
            ([1e30, 4e6], "2024-04-01T11:00:00Z"),
        )
    ]
    sent = {"type": "FeatureCollection", "crs": crs, "features": features}
    return json.dumps(sent).encode(), read_mapping({"kind": "json", "terms": terms | axes})


def test_geojson_of_another_declared_system_is_brought_to_wgs_84() -> None:
    payload, mapping = geojson("EPSG:3857")
    decoded = decode(payload, mapping=mapping, now_us=NOW_US)
    place = decoded.records.select("lon", "lat").row(0)
    assert place == pytest.approx((110.0, 40.0), abs=1e-6)
    assert [(refusal.unit, refusal.code) for refusal in decoded.refusals] == [
        (2, "latitude-out-of-range")
    ]
    with pytest.raises(UnreadablePush) as refused:
        decode(geojson("GCJ-02")[0], mapping=mapping, now_us=NOW_US)
    assert refused.value.code == "crs-unsupported"


def test_coordinates_that_are_mapped_the_other_way_round_are_not_moved() -> None:
    payload, mapping = geojson("EPSG:3857", swapped=True)
    decoded = decode(payload, mapping=mapping, now_us=NOW_US)
    assert decoded.records.height == 0
    assert len(decoded.refusals) == 2
