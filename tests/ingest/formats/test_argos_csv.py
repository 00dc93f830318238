from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]

NOW_US = 1_795_000_000_000_000
BARE = (
    b'"9660";"40001";"CRANE";"ST20";"";"NN";"2014-02-15T05:27:47.000Z";"244";"4";"0";"-133";'
    b'"4.01E8";"2014-02-15T05:27:47.000Z";"%s";"17.58002";"63.0";"2";"";"";\n'
)


def test_rows_of_one_pass_are_one_record_twice(sample: Callable[[str], bytes]) -> None:
    payload = sample("passes_cls.csv")
    decoded = decode(payload, now_us=NOW_US)
    assert decoded.format == "argos-csv"
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "latitude-out-of-range")]
    assert payload[decoded.refusals[0].offset or 0 :].count(b"\n") == 1
    rows = decoded.records.drop("unit")
    assert rows.row(0) == rows.row(1)


def test_csv_and_xml_of_the_same_passes_are_the_same_fixes(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("passes_cls.csv"), now_us=NOW_US).records.drop("unit")
    passes = decode(sample("passes.xml"), now_us=NOW_US).records.drop("unit")
    assert rows.unique(maintain_order=True).equals(passes)


def test_rows_without_a_header_line() -> None:
    decoded = decode(b"\n" + BARE % b"77.5" + BARE % b"97.5", now_us=NOW_US)
    assert decoded.format == "argos-csv"
    assert decoded.records.select("tag", "argos_class", "lat").rows() == [("40001", "2", 77.5)]
    assert [(r.unit, r.code, r.offset) for r in decoded.refusals] == [
        (2, "latitude-out-of-range", 1 + len(BARE % b"77.5"))
    ]


def test_real_csv_and_xml_of_the_same_day_are_the_same_fixes(real: Callable[[str], bytes]) -> None:
    folder = "telemetry/argos_raw/soap"
    rows = decode(real(f"{folder}/getCsv.csv"), now_us=NOW_US)
    passes = decode(real(f"{folder}/getXml.xml"), now_us=NOW_US)
    assert (rows.units, rows.refusals, passes.units) == (38, [], 13)
    assert rows.records.drop("unit").unique(maintain_order=True).equals(passes.records.drop("unit"))


def test_real_answer_in_soap_without_a_header_line(real: Callable[[str], bytes]) -> None:
    decoded = decode(real("telemetry/argos_raw/soap/csvResponse.xml"), now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.refusals) == ("argos-csv", 39, [])
    assert decoded.records["lon"].count() == 34


WEB_SITE = """"DeployID","Platform ID No.","Prg No.","Latitude","Longitude","Loc. quality",\
"Loc. date","Loc. type","Altitude","Pass","Sat.","Mote Id","Frequency","Msg Date","Comp.","Msg",\
"> - 120 DB","Best level","Delta freq.","Long. 1","Lat. sol. 1","Long. 2","Lat. sol. 2",\
"Loc. idx","Nopc",\
"Error radius","Semi-major axis","Semi-minor axis","Ellipse orientation","GDOP","SENSOR #01"
"Ada","0040001","9660","29.5","116.25","2","07/15/2018 10:48:10","Doppler","0","420","NP","",\
"4.01E8","07/15/2018 10:46:10","1","4","0","-122","","116.25","29.5","140.1","28.1","55","3","410",\
"900","187","80","120","12"
"Ada","0040001","9660","28.1","140.1","B","07/15/2018 12:48:10","Doppler","0","420","NP","",\
"4.01E8","07/15/2018 12:46:10","1","4","0","-122","","116.25","29.5","140.1","28.1","55","3","",\
"","","","120","12"
"40002","40002","9660","29.5","116.25","G","07/15/2018 10:00:00","GPS","0","420","NP","",\
"4.01E8","07/15/2018 10:46:10","1","4","0","-122","","","","","","","","0","0","0","0","","12"
"40002","40002","9660","","","","","","","420","NP","",\
"4.01E8","07/05/2018 11:46:10","1","4","0","-122","","","","","","","","","","","","","12"
"""


def test_what_people_download_from_the_web_site(values: Values) -> None:
    decoded = decode(WEB_SITE.encode(), now_us=NOW_US)
    assert (decoded.format, decoded.refusals) == ("argos-csv", [])
    assert [warning.code for warning in decoded.warnings] == ["date-order-assumed"]
    argos = {"tag": "40001", "individual": "Ada", "sensor": "argos"}
    assert values(decoded) == [
        argos
        | {
            "time_us": 1531651690000000,
            "lon": 116.25,
            "lat": 29.5,
            "error_m": 410.0,
            "argos_class": "2",
            "semi_major_m": 900.0,
            "semi_minor_m": 187.0,
            "orientation_deg": 80.0,
            "lon2": 140.1,
            "lat2": 28.1,
        },
        argos
        | {
            "time_us": 1531658890000000,
            "lon": 140.1,
            "lat": 28.1,
            "argos_class": "B",
            "lon2": 116.25,
            "lat2": 29.5,
        },
        {
            "tag": "40002",
            "sensor": "gps",
            "time_us": 1531648800000000,
            "lon": 116.25,
            "lat": 29.5,
            "argos_class": "G",
        },
        {"tag": "40002", "sensor": "argos", "time_us": 1530791170000000},
    ]


@pytest.mark.parametrize("time", ["Loc. date", "Loc. date=yyyy/MM/dd HH:mm:ss"])
def test_the_web_site_with_semicolons_and_the_year_first(time: str) -> None:
    text = (
        f"Platform ID No.;Latitude;Longitude;Latitude 2;Longitude 2;Loc. quality;{time};Altitude;"
        "Error radius;Semi-major axis;Semi-minor axis;Ellipse orientation;GDOP (m/Hz);\n"
        "40001;29,5;116,25;28,1;140,1;A;2014/01/02 10:00:00;0;410;900;187;80;1;\n"
    )
    decoded = decode(text.encode(), now_us=NOW_US)
    assert (decoded.format, decoded.refusals, decoded.warnings) == ("argos-csv", [], [])
    fix = decoded.records.select("tag", "time_us", "lon", "lat", "lon2", "lat2", "semi_major_m")
    assert fix.row(0) == ("40001", 1388656800000000, 116.25, 29.5, 140.1, 28.1, 900.0)
