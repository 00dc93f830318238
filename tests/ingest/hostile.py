"""Hostile files as data: each is a good unit, a bad one and a good one, with the code it must get.

A template says how a format writes one unit; a fault says what stands in one of its places. Every
template of a family is crossed with every fault of that family.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

GOOD = {"tag": "40001", "time": "2018-07-05 10:48:10", "lon": "116.25", "lat": "29.5"}


@dataclass(frozen=True)
class Template:
    """How a format writes one unit, with places for tag, time, lon and lat."""

    family: str
    format: str
    begin: str
    unit: str
    end: str = ""
    join: str = ""
    good: dict[str, str] = field(default_factory=lambda: GOOD)


@dataclass(frozen=True)
class File:
    """One hostile file and the refusals it must give; a code alone means the whole push."""

    name: str
    family: str
    format: str
    payload: bytes
    code: str
    whole: bool = False


def _sheet(form: str, header: str, row: str, **good: str) -> Template:
    return Template("delimited", form, header + "\n", row + "\n", good=GOOD | good)


def _json(form: str, unit: str, begin: str = "[", end: str = "]", **good: str) -> Template:
    return Template("json", form, begin, unit, end, ",\n", GOOD | good)


TEMPLATES = (
    _sheet(
        "movebank-csv",
        "timestamp,location-long,location-lat,tag-local-identifier",
        "{time},{lon},{lat},{tag}",
    ),
    _sheet("argos-csv", '"platformId";"bestMsgDate";"locationDate";"longitude";"latitude"',
           '"{tag}";"{time}";"{time}";"{lon}";"{lat}"'),
    _sheet("wildlife-csv", "DeployID,Ptt,Date,Type,Quality,Latitude,Longitude",
           "1,{tag},{time},Argos,3,{lat},{lon}", time="10:48:10 05-Jul-2018"),
    _sheet("ornitela-csv", "device_id,UTC_datetime,datatype,satcount,Latitude,Longitude",
           "{tag},{time},GPS,7,{lat},{lon}"),
    _sheet("vectronic-csv", "idCollar,acquisitionTime,latitude,longitude",
           "{tag},{time},{lat},{lon}"),
    _sheet("vectronic-table", "CollarID\tUTC_Date\tUTC_Time\tLatitude [°]\tLongitude [°]\tFixType",
           "{tag}\t{time}\t{lat}\t{lon}\t3D", time="2018-07-05\t10:48:10"),
    _sheet("ctt-csv", "serial,GPS_YYYY-MM-DD_HH:MM:SS,lat,lon", "{tag},{time},{lat},{lon}"),
    _sheet("eobs-csv",
           "key-bin-checksum,tag-serial-number,start-timestamp,timestamp-of-fix,longitude,latitude",
           "1,{tag},2018-07-05 10:47:00.000,{time},{lon},{lat}"),
    _sheet("microwave-tab", "GSM_ID\tDateTime\tLatitude_N\tLongitude_E",
           "{tag}\t{time}\t{lat}\t{lon}"),
    _sheet("stat-tab", "uid\ttag_id\tutc\tlc\tlat1\tlon1", "1\t{tag}\t{time}\t3\t{lat}\t{lon}",
           time="7/5/2018 10:48"),
    _sheet("telonics-csv", '"CTN","40001"\n\n"Acquisition Time","GPS Fix Attempt","GPS Latitude",'
           '"GPS Longitude"', '"{time}","Succeeded (3D)","{lat}","{lon}"',
           time="2018.07.05 10:48:10"),
    _json("flyways-json", '{{"tag": "{tag}", "time": "{time}", "lon": {lon}, "lat": {lat}}}'),
    _json("cls-json",
          '{{"deviceRef": "{tag}", "msgType": "a", "gpsLocDatetime": "{time}", '
          '"gpsLocLon": {lon}, "gpsLocLat": {lat}}}', '{"contents": [', "]}"),
    _json("lotek-json",
          '{{"DeviceID": "{tag}", "RecDateTime": "{time}", "Longitude": {lon}, '
          '"Latitude": {lat}}}'),
    _json("vectronic-json",
          '{{"idCollar": "{tag}", "acquisitionTime": "{time}", "longitude": {lon}, '
          '"latitude": {lat}}}'),
    _json("druid-json",
          '{{"uuid": "{tag}", "timestamp": "{time}", "updated_at": "", "longitude": {lon}, '
          '"latitude": {lat}}}'),
    _json("gundi-json",
          '{{"source": "{tag}", "recorded_at": "{time}", "location": {{"lon": {lon}, '
          '"lat": {lat}}}}}'),
    _json("earthranger-json",
          '{{"manufacturer_id": "{tag}", "recorded_at": "{time}", "location": {{"lon": {lon}, '
          '"lat": {lat}}}}}'),
    _json("traccar-json",
          '{{"device": {{"uniqueId": "{tag}"}}, "position": {{"fixTime": "{time}", '
          '"longitude": {lon}, "latitude": {lat}}}}}'),
    _json("movebank-json",
          '{{"tag_id": "{tag}", "recorded_at": "{time}", "lon": {lon}, "lat": {lat}}}'),
    Template("geojson", "geojson-points", '{"type": "FeatureCollection", "features": [',
             '{{"type": "Feature", "geometry": {{"type": "Point", "coordinates": [{lon}, {lat}]}}, '
             '"properties": {{"tag": "{tag}", "time": "{time}"}}}}', "]}", ",\n"),
    Template("geojson", "geojson-points", '{"type": "FeatureCollection", "features": [',
             '{{"type": "Feature", "geometry": {geometry}, "properties": {properties}}}', "]}",
             ",\n", {"geometry": '{"type": "Point", "coordinates": [116.25, 29.5]}',
                     "properties": '{"tag": "40001", "time": "2018-07-05 10:48:10"}'}),
    Template("argos-text", "argos-diag", "",
             " {tag} Date : {time}  LC : 1  IQ : 50\n"
             "      Lat1 : {lat}  Lon1 : {lon}  Lat2 : ???????  Lon2 : ????????\n"
             "      Nb mes : 008  Nb mes>-120dB : 000  Best level : -124 dB\n"
             "      Calcul freq : 401 651795.4 Hz   Altitude :    0 m\n",
             good={"tag": "40001", "time": "05.07.18 10:48:10", "lat": "29.500N",
                   "lon": "116.250E"}),
    Template("argos-text", "argos-ds", "",
             "09660 {tag}   2  1 K 2 {time}  {lat}  {lon}  0.000 401649689\n"
             "      2018-07-05 10:49:10  1         76\n",
             good=GOOD),
    Template("xml", "argos-xml",
             "<data><platform><platformId>40001</platformId>",
             "<satellitePass><location><locationDate>{time}</locationDate>"
             "<latitude>{lat}</latitude><longitude>{lon}</longitude></location></satellitePass>\n",
             "</platform></data>"),
    Template("xml", "gpx", "<gpx><trk><name>40001</name><trkseg>",
             '<trkpt lat="{lat}" lon="{lon}"><time>{time}</time></trkpt>\n',
             "</trkseg></trk></gpx>"),
)  # fmt: skip

# Place, what stands there, and the code: for all families whose templates have the place.
SHARED = (
    ("lat", "95", "latitude-out-of-range"),
    ("lat", "-90.001", "latitude-out-of-range"),
    ("lat", "1e9", "latitude-out-of-range"),
    ("lon", "360.5", "longitude-out-of-range"),
    ("lon", "-180.001", "longitude-out-of-range"),
    ("time", "2018-02-30 10:48:10", "time-unreadable"),
    ("time", "2018-07-05 25:48:10", "time-unreadable"),
    ("time", "2018-13-05 10:48:10", "time-unreadable"),
    ("time", "1969-07-05 10:48:10", "time-out-of-window"),
    ("time", "2080-07-05 10:48:10", "time-out-of-window"),
)
FAULTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "delimited": (
        *SHARED,
        ("lat", "north", "coordinate-not-a-number"),
        ("lat", "No Fix", "coordinate-not-a-number"),
        ("lon", "inf", "coordinate-not-a-number"),
        ("lon", "NaN", "coordinate-not-a-number"),
        ("lat", "", "position-incomplete"),
        ("time", "yesterday", "time-unreadable"),
        ("time", "", "time-unreadable"),
        ("tag", "", "no-animal-or-tag"),
        ("tag", "x" * 201, "name-too-long"),
        ("tag", "a\x07b", "control-character"),
        ("tag", "a\0b", "control-character"),
        ("tag", "x" * 70_000, "line-too-long"),
        ("time", "x" * 70_000, "line-too-long"),
    ),
    "json": (
        *SHARED,
        ("lat", '"north"', "coordinate-not-a-number"),
        ("lat", "null", "position-incomplete"),
        ("lat", "[29.5]", "field-type"),
        ("lat", "NaN", "json-malformed"),
        ("lat", "029.5", "json-malformed"),
        ("lon", "116,25", "json-malformed"),
        ("lat", '29.5, "tag": "a", "tag": "b"', "duplicate-key"),
        ("tag", "x" * 201, "name-too-long"),
        ("tag", "a\\u0007b", "control-character"),
        ("tag", "\\ud800", "json-malformed"),
        ("tag", "x" * 70_000, "line-too-long"),
    ),
    "argos-text": (
        ("lat", "95.000{N}", "latitude-out-of-range"),
        ("lat", "90.001{N}", "latitude-out-of-range"),
        ("lon", "360.500{E}", "longitude-out-of-range"),
        ("lon", "999.999{E}", "longitude-out-of-range"),
        ("lat", "abc", "coordinate-not-a-number"),
        ("lon", "x", "coordinate-not-a-number"),
        ("time", "{D:2018-02-30} 10:48:10", "time-unreadable"),
        ("time", "{D:2018-13-05} 10:48:10", "time-unreadable"),
        ("time", "{D:2018-07-00} 10:48:10", "time-unreadable"),
        ("time", "{D:2018-07-05} 25:48:10", "time-unreadable"),
        ("time", "{D:2018-07-05} 10:61:10", "time-unreadable"),
        ("time", "{D:2070-07-05} 10:48:10", "time-out-of-window"),
        ("time", "{D:2077-07-05} 10:48:10", "time-out-of-window"),
        ("lat", "29,500{N}", "coordinate-not-a-number"),
        ("lat", "--29.5{N}", "coordinate-not-a-number"),
        ("lon", "116;25{E}", "coordinate-not-a-number"),
        ("lat", "179.999{N}", "latitude-out-of-range"),
        ("time", "{D:2018-00-05} 10:48:10", "time-unreadable"),
        ("time", "{D:2018-04-31} 10:48:10", "time-unreadable"),
        ("time", "{D:2019-02-29} 10:48:10", "time-unreadable"),
        ("time", "{D:2018-07-05} 24:00:00", "time-unreadable"),
        ("time", "{D:2018-07-05} 10:48:61", "time-unreadable"),
        ("time", "{D:2018-07-05}T10:48:10", "header"),
        ("time", "{D:2018-07-05} 10:48", "header"),
        ("time", "05-07-2018", "header"),
        ("time", "", "header"),
        ("time", "{D:2018-07-05}", "header"),
        ("tag", "PTT", "header"),
        ("tag", "40O01", "header"),
        ("tag", "4000123456", "header"),
        ("lon", "1" * 2_000, "line-too-long"),
    ),
    "xml": (
        *SHARED,
        ("lat", "north", "coordinate-not-a-number"),
        ("lat", "", "position-incomplete"),
        ("lon", "inf", "coordinate-not-a-number"),
        ("time", "yesterday", "time-unreadable"),
        ("time", "", "time-unreadable"),
        ("lat", "29,5", "coordinate-not-a-number"),
        ("lat", "29.5N", "coordinate-not-a-number"),
        ("lat", "29 30 00", "coordinate-not-a-number"),
        ("lat", "0x1D", "coordinate-not-a-number"),
        ("lat", "--29.5", "coordinate-not-a-number"),
        ("lat", "29.5.1", "coordinate-not-a-number"),
        ("lon", "NaN", "coordinate-not-a-number"),
        ("lon", "-inf", "coordinate-not-a-number"),
        ("lon", "1e999", "coordinate-not-a-number"),
        ("lon", "\u0661\u0661\u0666", "coordinate-not-a-number"),
        ("lon", "116\u00b0", "coordinate-not-a-number"),
        ("lon", " ", "position-incomplete"),
        ("lon", "999", "longitude-out-of-range"),
        ("lat", "-999", "latitude-out-of-range"),
        ("lat", "116.25", "latitude-out-of-range"),
        ("lat", "90.0000001", "latitude-out-of-range"),
        ("time", "2018-07-05", "time-unreadable"),
        ("time", "10:48:10", "time-unreadable"),
        ("time", "2018-07-05 24:00:00", "time-unreadable"),
        ("time", "2018-07-05 10:60:10", "time-unreadable"),
        ("time", "2018-07-05 10:48:61", "time-unreadable"),
        ("time", "2018-04-31T10:48:10Z", "time-unreadable"),
        ("time", "2019-02-29T10:48:10Z", "time-unreadable"),
        ("time", "2018-07-05T10:48:10+15:00", "time-unreadable"),
        ("time", "18-07-05T10:48:10Z", "year-of-two-digits"),
        ("time", "03/04/2018 10:48:10", "time-unreadable"),
        ("time", "1530787690", "time-is-count"),
        ("time", "20180705T104810Z", "time-unreadable"),
        ("time", "0000-00-00 00:00:00", "time-unreadable"),
        ("time", "1970-01-01T00:00:00Z", "time-out-of-window"),
        ("time", "1977-12-31T23:59:59Z", "time-out-of-window"),
        ("time", "9999-12-31T23:59:59Z", "time-out-of-window"),
    ),
    "geojson": (
        *SHARED,
        ("lat", '"north"', "coordinate-not-a-number"),
        ("lat", "null", "position-incomplete"),
        ("lon", "null", "position-incomplete"),
        ("lat", "[29.5]", "field-type"),
        ("lat", '{"a": 1}', "field-type"),
        ("lat", "NaN", "json-malformed"),
        ("lat", "029.5", "json-malformed"),
        ("lat", "29.", "json-malformed"),
        ("lat", "+29.5", "json-malformed"),
        ("lat", "1e400", "json-malformed"),
        ("lat", "9" * 30, "field-out-of-range"),
        ("tag", '", "tag": "b', "duplicate-key"),
        ("tag", "", "no-animal-or-tag"),
        ("tag", " ", "no-animal-or-tag"),
        ("tag", "x" * 201, "name-too-long"),
        ("tag", "a\\u0007b", "control-character"),
        ("tag", "\\ud800", "json-malformed"),
        ("tag", "a\\xb", "json-malformed"),
        ("tag", "x" * 70_000, "line-too-long"),
        ("time", "03/04/2018 10:48:10", "time-unreadable"),
        ("time", "2018-07-05", "time-unreadable"),
        ("time", "", "time-unreadable"),
        ("geometry", '{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}', "not-a-point"),
        ("geometry", '{"type": "MultiPoint", "coordinates": [[1, 2]]}', "not-a-point"),
        ("geometry", '{"type": "Polygon", "coordinates": []}', "not-a-point"),
        ("geometry", '{"type": "point", "coordinates": [1, 2]}', "not-a-point"),
        ("geometry", '{"coordinates": [1, 2]}', "not-a-point"),
        ("geometry", "[1, 2]", "not-a-point"),
        ("geometry", '"POINT(1 2)"', "not-a-point"),
        ("geometry", "7", "not-a-point"),
        ("geometry", "false", "not-a-point"),
        ("geometry", '{"type": "Point", "coordinates": [1]}', "position-incomplete"),
        ("geometry", '{"type": "Point", "coordinates": [null, 2]}', "position-incomplete"),
        ("geometry", '{"type": "Point", "coordinates": [[1, 2]]}', "field-type"),
        ("geometry", '{"type": "Point", "coordinates": ["a", "b"]}', "coordinate-not-a-number"),
        ("geometry", '{"type": "Point", "coordinates": (1, 2)}', "json-malformed"),
        ("properties", "null", "no-animal-or-tag"),
        ("properties", "[]", "no-animal-or-tag"),
        ("properties", "7", "no-animal-or-tag"),
        ("properties", "{}", "no-animal-or-tag"),
        ("properties", '{"tag": "7"}', "time-unreadable"),
        ("properties", '{"tag": "7", "time": null}', "time-unreadable"),
        ("properties", '{"tag": "7", "time": 12}', "time-unreadable"),
        ("properties", '{"tag": "7", "time": true}', "time-unreadable"),
        ("properties", '{"tag": "7", "time": {}}', "field-type"),
        ("properties", '{"tag": ["7"], "time": "2018-07-05 10:48:10"}', "field-type"),
        ("properties", '{"time": "2018-07-05 10:48:10"}', "no-animal-or-tag"),
        ("properties", '{"tag": "7", "time": 1e99}', "time-unreadable"),
        ("properties", '{"tag": "7", "time": 18446744073709551616}', "field-out-of-range"),
        ("properties", '{tag: "7"}', "json-malformed"),
    ),
}
WHOLE: dict[str, tuple[tuple[str, str], ...]] = {
    "xml": (
        ('<!DOCTYPE a [<!ENTITY b "c">]>{}', "xml-unsafe"),
        ('<!DOCTYPE a SYSTEM "http://example.org/a.dtd">{}', "xml-unsafe"),
        ("<!DOCTYPE a>{}", "xml-unsafe"),
        ("<a" + ">" + "<b>" * 70 + "{}", "xml-unreadable"),
        ("</a>{}", "xml-unreadable"),
        ("<a b=c>{}", "xml-unreadable"),
        ("<a>&b;{}", "xml-unreadable"),
        ("<a>\x01{}", "xml-unreadable"),
        ("<a><![CDATA[{}", "xml-unreadable"),
        ("<a><!-- {}", "xml-unreadable"),
        ('<?xml version="1.0" encoding="ebcdic-none"?>{}', "xml-unreadable"),
        ('<a b="1" b="2">{}', "xml-unreadable"),
        ("<a>" + "x" * 70_000 + "{}", "xml-unreadable"),
    ),
}
"""What stands before a good document, and the code of the push."""

WORDS = {
    ("flyways-json", '"north"'): "field-type",  # its own documented keys are typed
    ("argos-diag", "29,500{N}"): "hemisphere-missing",  # a letter must follow the number
    ("argos-diag", "116;25{E}"): "hemisphere-missing",
    ("microwave-tab", "No Fix"): "position-incomplete",  # its word for a blank, beside a number
    ("movebank-json", "x" * 70_000): "name-too-long",  # an individual holds all its locations
}
"""Where a format has a more exact word for a fault than its family."""

_HEADERS = {"argos-diag": "block-header-unreadable", "argos-ds": "pass-header-unreadable"}


def _written(template: Template, place: str, value: str) -> str:
    """Give a value as the format writes it: Argos text, and dates apart from times of day."""
    if template.format == "vectronic-table" and place == "time":
        return "\t".join(value.partition(" ")[::2])
    diag = template.format == "argos-diag"
    value = value.replace("{N}", "N" if diag else "").replace("{E}", "E" if diag else "")
    begin = value.find("{D:")
    if begin < 0:
        return value
    year, month, day = value[begin + 3 : begin + 13].split("-")
    date = f"{day}.{month}.{year[2:]}" if diag else f"{year}-{month}-{day}"
    return date + value[begin + 14 :]


def faults(template: Template) -> Iterator[tuple[str, str, str]]:
    """Give the name of each fault that a format can have, the bad unit and its code."""
    for place, value, code in FAULTS[template.family]:
        if f"{{{place}}}" not in template.unit:
            continue
        bad = template.unit.format(**template.good | {place: _written(template, place, value)})
        if code == "header":
            code = _HEADERS[template.format]  # noqa: PLW2901 - each format has its word
        name = f"{template.format} {place}={value[:20]!r}"
        yield name, bad, WORDS.get((template.format, value), code)


def files() -> Iterator[File]:
    """Give every hostile file."""
    for template in TEMPLATES:
        good = template.unit.format(**template.good)
        for name, bad, code in faults(template):
            body = template.join.join([good, bad, good])
            sent = (template.begin + body + template.end).encode()
            yield File(name, template.family, template.format, sent, code)
        for before, code in WHOLE.get(template.family, ()):
            document = template.begin + good + template.end
            yield File(
                f"{template.format} {before[:20]!r}",
                template.family,
                template.format,
                before.format(document).encode()
                if "ENTITY" not in before
                else before.replace("{}", document).encode(),
                code,
                whole=True,
            )
