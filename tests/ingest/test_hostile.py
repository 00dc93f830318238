"""What is wrong with one unit costs that unit, gets its code, and names its bytes."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import openpyxl
import pytest

from ingest import UnreadablePush, decode, decode_reference, sniff, unpack
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geotiff import decode_geotiff
from ingest.layers.topojson import decode_topology
from ingest.refusal import Refusal
from tests.ingest.hostile import TEMPLATES, File, faults, files
from tests.ingest.hostile_archives import ARCHIVES, LIMIT_BYTES
from tests.ingest.hostile_layers import layers
from tests.ingest.hostile_workbooks import WORKBOOKS

NOW_US = 1_795_000_000_000_000
FILES = tuple(files())
FAMILY_FILES_MIN = 60


@cache
def refusals_of(file: File) -> list[Refusal] | str:
    """What is refused, or the code of the push; asked by two tests."""
    try:
        decoded = decode(file.payload, format=file.format, now_us=NOW_US)
    except UnreadablePush as error:
        return error.code
    assert decoded.units == decoded.records.height + len(decoded.refusals)
    return decoded.refusals


def told(file: File) -> list[tuple[int, str]] | str:
    """Units and codes refused, or the code of the push."""
    found = refusals_of(file)
    return found if isinstance(found, str) else [(each.unit, each.code) for each in found]


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
        refusal = refusals_of(file)[0]
        assert isinstance(refusal, Refusal)
        assert refusal.offset is not None, file.name
        first = file.payload.index(b"\n") + 1
        assert refusal.offset >= first, file.name


def test_every_format_is_sniffed_by_a_good_unit_among_bad_ones() -> None:
    for file in FILES:
        if not file.whole and file.format not in {"argos-diag", "argos-ds"}:
            assert sniff(file.payload) == file.format, file.name


UNITS = 10_000
OF_DOCUMENTS = 1_000
"""Units of what is no text of lines, but read element by element."""

FIRSTS = {template.format: template for template in reversed(TEMPLATES)}


def mixed(
    good: str, bad: Sequence[tuple[str, str]], size: int = UNITS
) -> tuple[list[str], list[tuple[int, str]]]:
    """Give units of which each hundredth is bad, in turn of each kind, and what is refused."""
    units, expected = [good] * size, []
    kinds = itertools.cycle(bad)
    for number in range(50, size, 100):
        units[number], code = next(kinds)
        expected.append((number + 1, code))
    return units, expected


def all_others_are_stored(
    payload: bytes, form: str, size: int, expected: list[tuple[int, str]]
) -> None:
    decoded = decode(payload, format=form, now_us=NOW_US)
    assert [(each.unit, each.code) for each in decoded.refusals] == expected
    stored = set(range(1, size + 1)) - {unit for unit, _ in expected}
    assert decoded.records["unit"].to_list() == sorted(stored)


@pytest.mark.parametrize("form", sorted(FIRSTS))
def test_ten_thousand_lines_with_one_in_a_hundred_bad(form: str) -> None:
    template = FIRSTS[form]
    size = UNITS if template.family in {"delimited", "argos-text"} else OF_DOCUMENTS
    # The rarest first: of a document not every kind has its turn.
    bad = [(unit, code) for _, unit, code in faults(template)][::-1]
    if size == UNITS:
        assert "line-too-long" in dict(bad).values()
    units, expected = mixed(template.unit.format(**template.good), bad, size)
    text = template.begin + template.join.join(units) + template.end
    all_others_are_stored(text.encode(), form, size, expected)


def test_ten_thousand_lines_of_json_with_one_in_a_hundred_bad() -> None:
    template = FIRSTS["flyways-json"]
    bad = [(unit, code) for _, unit, code in faults(template) if "\n" not in unit]
    assert "line-too-long" in dict(bad).values()
    units, expected = mixed(template.unit.format(**template.good), bad)
    all_others_are_stored("\n".join(units).encode(), "flyways-json", UNITS, expected)


def test_rows_of_a_workbook_with_one_in_a_hundred_bad() -> None:
    table = FIRSTS["movebank-csv"]
    bad = [
        (unit, code)
        for _, unit, code in faults(table)
        if code not in {"control-character", "line-too-long"}  # which no cell can hold
    ]
    units, expected = mixed(table.unit.format(**table.good), bad, OF_DOCUMENTS)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [table.begin, *units]:
        sheet.append(row.removesuffix("\n").split(","))
    held = io.BytesIO()
    book.save(held)
    all_others_are_stored(held.getvalue(), "xlsx", OF_DOCUMENTS, expected)


def test_ten_thousand_deployments_with_one_in_a_hundred_bad() -> None:
    bad = [
        (",a,2020-01-01\n", "deployment-incomplete"), ("7,a,never\n", "time-unreadable"),
        ("7,a,2020-01-01,x\n", "ragged-row"), (f"{'x' * 201},a,2020-01-01\n", "name-too-long"),
        (f"{'x' * 70_000},a,2020-01-01\n", "line-too-long"),
        ("a\x07b,a,2020-01-01\n", "control-character"),
    ]  # fmt: skip
    units, expected = mixed("7,a,2020-01-01\n", bad)
    sent = ("tag-id,animal-id,deploy-on-date\n" + "".join(units)).encode()
    found = decode_reference(sent, tz="UTC", now_us=NOW_US)
    assert [(each.unit, each.code) for each in found.refusals] == expected
    assert len(found.rows) == UNITS - len(expected)
