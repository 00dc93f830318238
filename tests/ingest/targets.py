"""What ``make fuzz`` aims at: every decoder and reader of ``ingest``, each with seeds and check."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import polars as pl

from ingest import (
    DATE_ORDERS,
    DATUMS,
    ENCODINGS,
    FORMATS,
    MappingRefused,
    UnreadablePush,
    read_mapping,
    sniff,
    unpack,
    write_mapping,
)
from ingest.clock import parse_instants, zone
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geotiff import decode_geotiff
from ingest.layers.topojson import decode_topology
from ingest.layers.vector import MARKS, decode_vector
from ingest.layers.wanted import Wanted
from ingest.patterns import PatternRefused, Swaps, parse_by, pattern
from ingest.text import as_text
from ingest.yearlast import reordered
from tests.ingest.formats.test_xlsx import ROWS, workbook
from tests.ingest.hostile import files
from tests.ingest.hostile_archives import ARCHIVES, zipped
from tests.ingest.hostile_layers import (
    POLYGONS,
    SQUARE,
    TOPOLOGIES,
    areas,
    polygon,
    rasters,
    topology,
)
from tests.ingest.hostile_workbooks import WORKBOOKS
from tests.ingest.layers.test_geotiff import tiff
from tests.ingest.layers.vectors import geopackage, shapefile_parts
from tests.ingest.layers.vectors import zipped as shapes
from tests.ingest.promises import (
    check,
    check_corrected,
    check_layer,
    check_reference,
    check_together,
    check_told,
)

DATA = Path(__file__).parents[1] / "data/telemetry"
PAYLOAD_MAX_BYTES = 20_000
UNPACKED_MAX_BYTES = 1_000_000

_NAMES = {
    "timestamp": ["timestamp", "time", "UTC_datetime", "recorded_at", "fixTime"],
    "location-long": ["location-long", "lon", "Longitude", "longitude", "location.lon"],
    "location-lat": ["location-lat", "lat", "Latitude", "latitude", "location.lat"],
    "tag-local-identifier": ["tag-local-identifier", "tag", "device_id", "uuid", "source"],
    "ground-speed": ["ground-speed", "speed", "speed_km/h"],
}
_MAPPINGS: dict[str, dict[str, object]] = {
    f"columns-{name}": {
        "kind": kind, "terms": _NAMES, "units": {"ground-speed": "km/h"}, "missing": ["0", "-"],
        **more,
    }
    for name, kind, more in (
        ("table", "table", {}),
        ("json", "json", {}),
        ("stated", "table",
         {"time_format": "%Y-%m-%d %H:%M:%S.%f", "decimal": ",", "skip_lines": 1}),
    )
}  # fmt: skip
"""Mappings that read some of the samples, by the name of their target."""


@cache
def samples() -> tuple[bytes, ...]:
    """Our own small payloads."""
    return tuple(path.read_bytes() for path in sorted(DATA.iterdir()))


def _of_format(name: str) -> list[bytes]:
    own = [text for text in samples() if sniff(text) == name]
    own += [workbook(ROWS), *_payloads(WORKBOOKS)] if name == "xlsx" else []
    return own + [file.payload[:PAYLOAD_MAX_BYTES] for file in files() if file.format == name]


def _payloads(table: Mapping[str, tuple[bytes, str]]) -> list[bytes]:
    return [payload for payload, _ in table.values() if len(payload) <= PAYLOAD_MAX_BYTES]


def _format(name: str, payload: bytes) -> None:
    """Decode with a zone, an encoding, a datum and a tag that the bytes choose."""
    chosen = zlib.crc32(payload)
    check(
        payload,
        name,
        tz=("UTC", "UTC+8", "Asia/Seoul", "America/St_Johns")[chosen % 4],
        datum=DATUMS[chosen // 4 % len(DATUMS)],
        date_order=[None, *DATE_ORDERS][chosen // 999 % 3],
        encoding=[None, None, *ENCODINGS][chosen // 16 % (len(ENCODINGS) + 2)],
        tag=None if FORMATS[name].decode_told is None else ("7304", None)[chosen // 7 % 2],
    )


def _mapped(document: dict[str, object], payload: bytes) -> None:
    check(payload, mapping=read_mapping(document))


def _mapping(payload: bytes) -> None:
    """A document is a mapping that reads back as itself and reads tables, or is refused."""
    try:
        made = read_mapping(payload)
    except MappingRefused as refused:
        check_told(refused)
        return
    assert read_mapping(write_mapping(made)) == made
    header = ",".join(names[0].replace(",", "") for names in made.terms.values())
    row = ",".join(["2018-07-05 10:48:10"] * len(made.terms))
    check(f"{header}\n{row}\n{row},\n".encode(), mapping=made)


def _archive(payload: bytes) -> None:
    try:
        content = unpack(payload, limit_bytes=UNPACKED_MAX_BYTES)
    except UnreadablePush as error:
        check_told(error)
        return
    assert len(content) <= UNPACKED_MAX_BYTES


def _encoding(payload: bytes) -> None:
    """Text of any encoding becomes UTF-8 with as many lines, or JSON, XML and workbooks stay."""
    name = [None, *ENCODINGS][zlib.crc32(payload) % (len(ENCODINGS) + 1)]
    text, _ = as_text(payload, name)
    if text != payload:
        text.decode()
    check(payload, encoding=name)


def _correction(payload: bytes) -> None:
    """The last lines of the payload are read in place of what is refused above them."""
    body, _, tail = payload.rpartition(b"\n---\n")
    texts = tail.decode("utf-8", "replace").split("\n-\n")[:3]
    check_corrected(body, None, texts)


def _pattern(payload: bytes) -> None:
    """The first line is a pattern, the others are times; or zones, of a clock without pattern."""
    stated, _, text = payload.decode("utf-8", "replace").partition("\n")
    times = pl.Series(text.split("\n")[:100])
    try:
        zone(stated)
        parse_instants(times, stated)
    except UnreadablePush as error:
        check_told(error)
    parse_instants(reordered(times), "Asia/Seoul")
    try:
        pattern(stated)
    except PatternRefused:
        return
    assert parse_by(times, "UTC", stated).len() == times.len()
    swaps = Swaps(stated)
    swaps.add(times)
    swaps.suspect()


def _polygons(payload: bytes) -> None:
    try:
        layer = decode_polygons(payload, class_property=[None, "kind"][len(payload) % 2])
    except UnreadablePush as error:
        check_told(error)
        return
    check_layer(layer)


def _topology(payload: bytes) -> None:
    try:
        layer = decode_topology(payload, object_name="lands", class_property="name")
    except UnreadablePush as error:
        check_told(error)
        return
    check_layer(layer)


def _geotiff(payload: bytes) -> None:
    try:
        layer = decode_geotiff(payload)
    except UnreadablePush as error:
        check_told(error)
        return
    assert layer.classes.shape == (layer.meta.height, layer.meta.width)


def _vector(payload: bytes) -> None:
    if not payload.startswith(MARKS):
        return
    try:
        layer = decode_vector(payload, Wanted("kind", "since"))
    except UnreadablePush as error:
        check_told(error)
        return
    check_layer(layer)


def _together(payload: bytes) -> None:
    """Small pushes, each ended by a NUL, with the format that the first is of."""
    parts = payload.split(b"\0")[:5]
    check_together(parts, sniff(parts[0]) or "flyways-json")


def zip_of(content: bytes) -> bytes:
    return zipped(("a.csv", content))


def _corrections() -> list[bytes]:
    bad = [file.payload for file in files() if not file.whole and len(file.payload) < 4_000]
    bad += [payload for payload in _payloads(WORKBOOKS) if len(payload) < 4_000]
    return [payload + b"\n---\n" + payload for payload in bad[::7]]


def _patterns() -> list[bytes]:
    times = "\n2018-07-05 10:48\n05/07/2018 10:48\n1530787690\n08:20:19 06-Mar-2017\n3/6/17 8:20"
    stated = ("%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M", "%d %b %y %I:%M:%S.%f %p %z", "UTC+8",
              "Asia/Seoul", "Etc/GMT+8")  # fmt: skip
    return [f"{each}{times}".encode() for each in stated]


Target = tuple[Callable[[], list[bytes]], Callable[[bytes], None]]

TARGETS: dict[str, Target] = {
    **{name: (partial(_of_format, name), partial(_format, name)) for name in FORMATS},
    "reference": (partial(_of_format, "movebank-reference-csv"), check_reference),
    "sniffed": (lambda: [*samples(), workbook(ROWS)], partial(check)),
    **{name: (lambda: list(samples()), partial(_mapped, told)) for name, told in _MAPPINGS.items()},
    "mapping": (lambda: [json.dumps(each).encode() for each in _MAPPINGS.values()], _mapping),
    "archive": (
        lambda: [
            *(pack(text) for text in samples() for pack in (gzip.compress, zip_of)),
            *_payloads(ARCHIVES),
        ],
        _archive,
    ),
    "encoding": (lambda: list(samples()), _encoding),
    "pattern": (_patterns, _pattern),
    "correction": (_corrections, _correction),
    "together": (
        lambda: [text + b"\0" + text for text in samples() if text[:1] in (b"{", b"[")], _together,
    ),
    "polygons": (
        lambda: [
            areas(polygon(SQUARE), {"type": "MultiPolygon", "coordinates": [[SQUARE]]}),
            *_payloads(POLYGONS),
        ],
        _polygons,
    ),
    "topology": (lambda: [topology(), *_payloads(TOPOLOGIES)], _topology),
    "geotiff": (
        lambda: [tiff(), tiff(compress="deflate"), tiff(compress="lzw"), *_payloads(rasters())],
        _geotiff,
    ),
    "vector": (lambda: [geopackage(), shapes(shapefile_parts())], _vector),
}  # fmt: skip
"""Name to seeds and check; a check raises where a promise is broken."""
