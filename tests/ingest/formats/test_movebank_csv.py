from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from ingest import Decoded, UnreadablePush, decode
from ingest.record import RECORD_SCHEMA

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-local-identifier"
KAZAKH = "telemetry/demoiselle_crane_kazakhstan/1000 Cranes. Southern Kazakhstan..csv"
GUO = "telemetry/demoiselle_crane_neasia/cranes_guo_2018_2019.csv.gz"
STORKS = "telemetry/white_stork/whitestork_data.csv.gz"
BITTERNS = "telemetry/argos_american_bittern/American bittern.csv"
BRANT = "telemetry/argos_brant_2002/Brant Geese Sean Boyd 2002.csv"


def csv(*rows: str, header: str = HEADER, tz: str = "UTC") -> Decoded:
    return decode("\n".join([header, *rows]).encode(), format="movebank-csv", tz=tz, now_us=NOW_US)


def test_hyphened_file_with_every_oddity(sample: Callable[[str], bytes]) -> None:
    decoded = decode(sample("events_hyphen.csv"), now_us=NOW_US)
    assert decoded.format == "movebank-csv"
    assert decoded.units == 6
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "latitude-out-of-range")]
    assert decoded.refusals[0].excerpt.startswith("1,true,2021-03-01 04:00:00.000,116.3,95.2")
    rows = decoded.records
    assert dict(rows.schema) == RECORD_SCHEMA
    assert rows["unit"].to_list() == [1, 2, 3, 4, 6]
    assert rows["individual"].unique().to_list() == ['Nana, "the first"']
    assert rows["tag"].unique().to_list() == ["0071"]
    assert rows["heading_deg"].to_list() == [270.0, 359.5, None, None, None]
    assert rows["lon"].to_list() == [116.30123, 116.302, -115.5, None, 116.3]
    assert rows["satellites"].to_list() == [7, 0, 6, None, 6]
    assert rows["height_m"].to_list() == [21.0, None, 120.5, None, None]
    assert rows["battery_v"].to_list() == [3.871, 3.9, None, None, None]
    assert rows["temperature_c"].to_list() == [4.5, None, None, None, None]
    assert rows["marked_outlier"].to_list() == [False, False, True, False, True]
    assert rows["sensor"].to_list() == ["gps", "gps", "gps", "other", "gps"]
    assert rows["provider_id"].null_count() == 5
    assert rows["time_us"][1] - rows["time_us"][0] == 3_600_500_000
    assert [(w.code, "height-raw 2" in w.detail) for w in decoded.warnings] == [
        ("text-in-numeric-column", True)
    ]


def test_dotted_file_without_tags(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("events_dotted.csv"), tz="Asia/Shanghai", now_us=NOW_US).records
    assert rows["tag"].to_list() == [None, None]
    assert rows["individual"].to_list() == ["38E10", "38E10"]
    assert rows["taxon"].to_list() == ["Anthropoides virgo"] * 2
    assert rows["sensor"].to_list() == ["gps", "gps"]
    assert rows["time_us"][0] == 1_640_966_400_000_000  # 2021-12-31T16:00Z


def test_semicolons_and_decimal_commas(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("events_snake_comma.csv"), now_us=NOW_US).records
    assert rows.select("lon", "lat", "height_m").rows() == [
        (127.105, 38.301, 12.5),
        (127.106, 38.302, 13.0),
    ]


def test_argos_rows(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("events_argos.csv"), now_us=NOW_US).records
    assert rows["sensor"].unique().to_list() == ["argos"]
    assert rows["argos_class"].to_list() == ["2", "B", None, "Z"]
    # The second row uses solution 2, so solution 1 is its mirror; a release row has none.
    assert rows.select("lon2", "lat2").rows() == [
        (101.125, 45.75),
        (120.75, 40.125),
        (None, None),
        (None, None),
    ]
    assert rows["error_m"].to_list() == [350.0, None, None, None]
    assert rows["semi_major_m"].to_list() == [900.0, None, None, None]
    assert rows["orientation_deg"].to_list() == [100.0, None, None, None]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("soon,1,2,7", "time-unreadable"),
        (",1,2,7", "time-unreadable"),
        ("1969-12-31 00:00,1,2,7", "time-out-of-window"),
        ("2080-01-06 00:00,1,2,7", "time-out-of-window"),
        ("2020-01-01 00:00,x,2,7", "coordinate-not-a-number"),
        ("2020-01-01 00:00,NaN,2,7", "coordinate-not-a-number"),
        ("2020-01-01 00:00,inf,2,7", "coordinate-not-a-number"),
        ("2020-01-01 00:00,,2,7", "position-incomplete"),
        ("2020-01-01 00:00,-999,-999,7", "latitude-out-of-range"),
        ("2020-01-01 00:00,540,2,7", "longitude-out-of-range"),
        ("2020-01-01 00:00,1,2,", "no-animal-or-tag"),
        ("2020-01-01 00:00,1,2", "ragged-row"),
        ('2020-01-01 00:00,1,2,"7', "bad-quotes"),
    ],
)
def test_each_fault_is_a_refusal_of_its_row_alone(row: str, code: str) -> None:
    good = "2020-01-01 00:00,0,0,7"
    decoded = csv(good, row, good)
    assert [(r.unit, r.code, r.excerpt) for r in decoded.refusals] == [(2, code, row)]
    assert decoded.records["unit"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("time,location-long,location-lat,tag-id", "timestamp"),
        ("timestamp,x,location-lat,tag-id", "location-long"),
        ("timestamp,location-long,location-lat", "tag-local-identifier"),
    ],
)
def test_missing_columns_are_named(header: str, named: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        csv("1,2,3,4", header=header)
    assert caught.value.code == "columns-missing"
    assert named in caught.value.detail
    assert "timestamp" in caught.value.remedy


def test_class_column_alone_tells_the_sensor() -> None:
    header = HEADER + ",argos:lc"
    assert csv("2020-01-01 00:00,1,2,7,3", header=header).records["sensor"].item() == "argos"
    assert csv("2020-01-01 00:00,1,2,7,", header=header).records["sensor"].item() == "gps"


@pytest.mark.parametrize(
    ("kind", "sensor"),
    [
        ("Argos Doppler Shift", "argos"), ("argos_doppler_shift", "argos"), ("82798.0", "argos"),
        ("GPS", "gps"), ("653.0", "gps"), ("Solar Geolocator", "other"), ("6530", "other"),
    ],
)  # fmt: skip
def test_a_sensor_type_is_known_by_its_name_as_shown_and_as_pandas_writes_its_id(kind, sensor):
    for header, row in (("sensor-type", kind), ("sensor_type_id", kind)):
        decoded = csv(f"2020-01-01 00:00,1,2,7,{row},B", header=f"{HEADER},{header},argos:lc")
        assert decoded.records["sensor"].item() == sensor


def test_the_radius_of_a_position_without_satellites_is_its_error() -> None:
    header = f"{HEADER},sensor-type,sigfox:computed-location-radius"
    decoded = csv("2020-01-01 00:00,1,2,7,sigfox-geolocation,23000", header=header)
    assert decoded.records.select("sensor", "error_m").row(0) == ("other", 23_000.0)


def test_unknown_zone_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        csv("2020-01-01 00:00,1,2,7", tz="Nowhere")
    assert caught.value.code == "zone-unknown"


def test_header_alone_is_an_empty_push() -> None:
    assert csv().units == 0


@pytest.mark.parametrize(
    ("name", "units", "birds"),
    [
        (KAZAKH, 6_752, 7),
        (GUO, 96_976, 27),
        (STORKS, 155_173, 15),
        (BITTERNS, 1_950, 26),
        (BRANT, 5_638, 10),
    ],
)
def test_real_files_are_read_whole(
    real: Callable[[str], bytes], name: str, units: int, birds: int
) -> None:
    decoded = decode(real(name), now_us=NOW_US)
    assert (decoded.units, decoded.refusals, decoded.warnings) == (units, [], [])
    assert decoded.records["individual"].n_unique() == birds


def test_real_data_package_of_two_years(real: Callable[[str], bytes]) -> None:
    years = [
        decode(real(f"telemetry/oystercatcher_o_assen/O_ASSEN-gps-{year}.csv.gz"), now_us=NOW_US)
        for year in (2018, 2019)
    ]
    assert [(each.refusals, each.format) for each in years] == [([], "movebank-csv")] * 2
    assert sum(each.units for each in years) == 20_156
    both = pl.concat([each.records for each in years])
    assert both["individual"].n_unique() == 4
    assert both["lon"].null_count() == 0


def test_real_bitterns(real: Callable[[str], bytes]) -> None:
    rows = decode(real(BITTERNS), now_us=NOW_US).records
    assert rows["tag"].n_unique() == 10
    assert rows["argos_class"].null_count() == 22  # release sites written as Argos rows
    assert rows["lon2"].null_count() >= 22


def test_real_cranes_keep_the_precise_taxon(real: Callable[[str], bytes]) -> None:
    assert decode(real(GUO), now_us=NOW_US).records["taxon"].unique().to_list() == [
        "Anthropoides virgo"
    ]


def test_a_person_who_marked_a_row_valid_is_heard_beside_every_mark() -> None:
    header = b"timestamp,location-long,location-lat,tag-id,import_marked_outlier,"
    body = header + b"manually.marked.valid\n" + b"".join(
        f"2018-01-01 0{n}:00,116.3,29.1,1,{marks}\n".encode()
        for n, marks in enumerate(("true,TRUE", "true,", ",true", ",false", ",yes", ",?"))
    )  # fmt: skip
    rows = decode(body, now_us=NOW_US).records
    assert rows["marked_outlier"].to_list() == [True, True, False, False, False, False]
    assert rows["marked_valid"].to_list() == [True, False, True, False, True, False]


@pytest.mark.parametrize(
    ("cells", "marked", "hidden", "reason"),
    [
        ("false,,true,hide,seen in an aviary", False, True, "seen in an aviary"),
        ("false,true,true,hide,", True, True, None),  # its sender had marked it as well
        ("false,,true,,", True, False, None),  # as Movebank writes it
        ("false,,,HIDE,x\ty", False, True, "x\ty"),
        ("true,,,show,known", False, False, "known"),
        ("false,,,?,", True, False, None),
    ],
)
def test_a_fix_that_a_person_hid_is_told_from_one_that_its_sender_marked(
    cells: str, *, marked: bool, hidden: bool, reason: str | None
) -> None:
    head = "timestamp,location-long,location-lat,tag-id,visible,import-marked-outlier"
    more = "manually-marked-outlier,flyways:verdict,flyways:verdict-reason"
    body = f"{head},{more}\n2018-01-01 00:00,116.3,29.1,1,{cells}\n"
    (row,) = decode(body.encode(), now_us=NOW_US).records.to_dicts()
    assert (row["marked_outlier"], row["marked_hidden"]) == (marked, hidden)
    assert row["verdict_reason"] == reason


@pytest.mark.parametrize(
    ("manual", "location", "expected"),
    [
        ("", (100, 45), (100, 45, 116, 30, None)),
        ("1", (100, 45), (100, 45, 116, 30, 1)),
        ("2", (116, 30), (116, 30, 100, 45, 2)),
        ("2", (100, 45), (116, 30, 100, 45, 2)),  # the person goes before the column
        ("1", (116, 30), (100, 45, 116, 30, 1)),
        ("2", (1, 2), (1, 2, 116, 30, None)),  # it is neither: nothing was chosen
        ("3", (100, 45), (100, 45, 116, 30, None)),
        ("1.5", (100, 45), (100, 45, 116, 30, None)),
        ("true", (100, 45), (100, 45, 116, 30, None)),
    ],
)
def test_the_solution_that_a_person_chose_is_the_location(
    manual: str, location: tuple[int, int], expected: tuple[int | None, ...]
) -> None:
    head = "timestamp,location-long,location-lat,argos:lon1,argos:lat1,argos:lon2,argos:lat2"
    row = f"2018-07-05 10:48:10,{location[0]},{location[1]},100,45,116,30,{manual},7"
    text = f"{head},argos:valid-location-manual,tag-id\n{row}\n"
    rows = decode(text.encode(), now_us=NOW_US).records
    assert rows.select("lon", "lat", "lon2", "lat2", "solution_by_hand").row(0) == expected


def test_a_choice_between_one_solution_says_nothing() -> None:
    text = (
        "timestamp,location-long,location-lat,argos:lon1,argos:lat1,argos:lon2,argos:lat2,"
        "argos:valid-location-manual,tag-id\n2018-07-05 10:48:10,100,45,100,45,100,45,1,7\n"
        "2018-07-05 10:49:10,100,45,,,,,1,7\n"
    )
    rows = decode(text.encode(), now_us=NOW_US).records
    assert rows["solution_by_hand"].to_list() == [None, None]


def test_real_bitterns_have_two_choices(real: Callable[[str], bytes]) -> None:
    rows = decode(real("telemetry/argos_american_bittern/American bittern.csv"), now_us=NOW_US)
    chosen = rows.records.drop_nulls("solution_by_hand")
    assert set(chosen["solution_by_hand"]) <= {1}
    assert chosen.height <= 2


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (",,116.1,29.1", (116.1, 29.1)),
        ("116.2,29.2,1,2", (116.2, 29.2)),
        ("116.2,,116.1,29.1", (116.1, 29.1)),
        (",,,", (None, None)),
        ("116.2,,,29.1", None),
    ],
)
def test_a_position_is_of_one_pair_of_columns(
    cells: str, place: tuple[float | None, float | None] | None
) -> None:
    for header in (
        "location-long,location-lat,longitude,latitude",
        "location_lon,location.lat,lon,lat",
    ):
        text = f"timestamp,tag-id,{header}\n2024-03-01 08:00,7,{cells}\n"
        found = decode(text.encode(), now_us=1_795_000_000_000_000)
        if place is None:
            assert [each.code for each in found.refusals] == ["position-incomplete"]
        else:
            assert found.records.select("lon", "lat").rows() == [place]


SERVICE = "timestamp,location_lat,location_long,individual_id,tag_id"


def internal(header: str, *rows: str) -> tuple[list[str | None], list[str | None], dict[str, int]]:
    when = "2018-07-05 10:48:10.000,46.1,82.1"
    text = "\n".join([header, *(f"{when},{row}" for row in rows), ""])
    decoded = decode(text.encode(), format="movebank-csv", now_us=NOW_US)
    told = [each for each in decoded.warnings if each.code == "internal-ids"]
    found = decoded.records["tag"].to_list(), decoded.records["individual"].to_list()
    return *found, {name: n for each in told for name, n in each.counts.items() if n}


def test_numbers_of_movebanks_database_are_kept_and_told() -> None:
    """What its service answers where it is asked for no attributes."""
    tags, birds, told = internal(SERVICE, "2911059,2911107", "2911059,2911107.0", "2911059,")
    assert (tags, birds) == (["2911107", "2911107", None], ["2911059"] * 3)
    assert told == {"individual_id": 3, "tag_id": 2}


def test_beside_local_identifiers_they_are_not_read() -> None:
    header = f"{SERVICE},tag_local_identifier,individual_local_identifier"
    tags, birds, told = internal(header, "2911059,2911107,6118,Ada", "2911059,2911107,,Ada")
    assert (tags, birds) == (["6118", "2911107"], ["Ada", "Ada"])
    assert told == {"tag_id": 1}
    assert internal(header, "2911059,2911107,6118,Ada")[2] == {}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("timestamp,location-lat,location-long,tag-id", "2911107"),  # a name of its own
        (SERVICE, "Ada,6118"),
        (SERVICE, "Ada,129001"),  # an Argos platform
        (SERVICE, "Ada,863844012345678"),  # an IMEI
        (SERVICE, "Ada,0291110"),
    ],
)
def test_names_that_people_or_makers_gave_are_none_of_them(header: str, row: str) -> None:
    assert internal(header, row)[2] == {}
