"""What is wrong with one unit costs that unit, gets its code, and names its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ingest import UnreadablePush, decode, sniff, unpack
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geotiff import decode_geotiff
from ingest.layers.topojson import decode_topology
from tests.ingest.hostile import File, files
from tests.ingest.hostile_archives import ARCHIVES, LIMIT_BYTES
from tests.ingest.hostile_layers import layers
from tests.ingest.hostile_workbooks import WORKBOOKS

NOW_US = 1_795_000_000_000_000
FILES = tuple(files())
FAMILY_FILES_MIN = 60


def told(file: File) -> list[tuple[int, str]] | str:
    """Units and codes refused, or the code of the push."""
    try:
        decoded = decode(file.payload, format=file.format, now_us=NOW_US)
    except UnreadablePush as error:
        return error.code
    assert decoded.units == decoded.records.height + len(decoded.refusals)
    return [(refusal.unit, refusal.code) for refusal in decoded.refusals]


@pytest.mark.parametrize("form", sorted({file.format for file in FILES}))
def test_every_hostile_file_gets_its_code(form: str) -> None:
    mine = [file for file in FILES if file.format == form]
    expected = {file.name: file.code if file.whole else [(2, file.code)] for file in mine}
    assert {file.name: told(file) for file in mine} == expected


def refused(read: Callable[[], Any]) -> str:
    """Codes of what a reader refuses, the whole of it after an exclamation mark."""
    try:
        found = read()
    except UnreadablePush as error:
        return f"!{error.code}"
    return " ".join(refusal.code for refusal in getattr(found, "refusals", ()))


def test_every_hostile_archive_gets_its_code() -> None:
    found = {
        name: refused(lambda payload=payload: unpack(payload, limit_bytes=LIMIT_BYTES))
        for name, (payload, _) in ARCHIVES.items()
    }
    assert found == {name: code for name, (_, code) in ARCHIVES.items()}


def test_every_hostile_workbook_gets_its_code() -> None:
    found = {
        name: refused(lambda payload=payload: decode(payload, format="xlsx", now_us=NOW_US))
        for name, (payload, _) in WORKBOOKS.items()
    }
    assert found == {name: code for name, (_, code) in WORKBOOKS.items()}


def test_every_hostile_layer_gets_its_code() -> None:
    readers = {
        "polygons": lambda payload: decode_polygons(payload, class_property="kind"),
        "topology": lambda payload: decode_topology(
            payload, object_name="lands", class_property="name"
        ),
        "geotiff": decode_geotiff,
    }
    expected = {(reader, name): code for reader, name, _, code in layers()}
    found = {
        (reader, name): refused(lambda reader=reader, payload=payload: readers[reader](payload))
        for reader, name, payload, _ in layers()
    }
    assert found == expected


def test_every_family_has_its_files() -> None:
    counts = Counter(file.family for file in FILES)
    counts |= {"archives": len(ARCHIVES), "workbooks": len(WORKBOOKS), "layers": len([*layers()])}
    assert min(counts.values()) >= FAMILY_FILES_MIN, counts


def test_the_bytes_of_a_bad_unit_are_named() -> None:
    for file in FILES:
        if file.whole or file.family in {"json", "geojson"} or file.code == "line-too-long":
            continue
        refusal = decode(file.payload, format=file.format, now_us=NOW_US).refusals[0]
        assert refusal.offset is not None, file.name
        first = file.payload.index(b"\n") + 1
        assert refusal.offset >= first, file.name


def test_every_format_is_sniffed_by_a_good_unit_among_bad_ones() -> None:
    for file in FILES:
        if not file.whole and file.format not in {"argos-diag", "argos-ds"}:
            assert sniff(file.payload) == file.format, file.name


@pytest.mark.parametrize("form", ["movebank-csv", "flyways-json", "argos-ds"])
def test_ten_thousand_lines_with_one_in_a_hundred_bad(form: str) -> None:
    mine = [f for f in FILES if f.format == form and not f.whole and f.code != "line-too-long"]
    good = {
        "movebank-csv": "2018-07-05 10:48:10,116.25,29.5,40001\n",
        "flyways-json": '{"tag": "7", "time": "2018-07-05 10:48:10", "lon": 1, "lat": 2}\n',
        "argos-ds": "09660 40001   2  1 K\n      2018-07-05 10:49:10  1         76\n",
    }[form]
    header = "timestamp,location-long,location-lat,tag-local-identifier\n"
    text, bad = [header if form == "movebank-csv" else ""], 0
    for number in range(10_000):
        if number % 100 == 50:
            text.append(_bad(mine[bad % len(mine)]))
            bad += 1
        else:
            text.append(good)
    decoded = decode("".join(text).encode(), format=form, now_us=NOW_US)
    assert (decoded.records.height, len(decoded.refusals)) == (10_000 - bad, bad)


def _bad(file: File) -> str:
    """Give the bad unit of a file alone, ended by a line end."""
    lines = file.payload.decode().split("\n")
    if file.format == "flyways-json":
        return lines[1].removesuffix(",") + "\n"
    return lines[2] + "\n" if file.format == "movebank-csv" else "\n".join(lines[2:4]) + "\n"
