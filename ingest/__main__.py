"""
``python -m ingest check FILE``: what the service would make of a file, with no server.

Exit codes: 0 every unit would be stored; 1 some units would be refused; 2 the file can't be read
at all (or the command was misspelt); 3 nothing refused, but something is suspect.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingest import (
    DATE_ORDERS,
    DATUMS,
    ENCODINGS,
    FORMATS,
    ColumnMapping,
    MappingRefused,
    Refusal,
    UnreadablePush,
    Warning_,
    decode,
    decode_reference,
    read_mapping,
    sniff,
    unpack,
)
from ingest.checks import record_flags
from ingest.clock import SECOND_US
from ingest.daylight import zone_suspect
from ingest.formats import movebank_reference_csv

FILE_MAX_BYTES = 1_073_741_824
"""Largest file checked, inflated [bytes]: 1 GiB fits the memory of a laptop."""

ALL_STORED, SOME_REFUSED, UNREADABLE, SUSPECT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Kind:
    """
    All refusals of one code: how many, and the first of them.

    Attributes
    ----------
    line : int or None
        Line of the file, from 1; None where the unit has no place of its own (a spreadsheet).
    offset : int or None
        Where it begins in the file, unpacked [bytes].
    first : str
        Its first bytes, printable.
    """

    code: str
    count: int
    unit: int
    line: int | None
    offset: int | None
    first: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found: the counts of a receipt, plus flags."""

    file: str
    format: str
    units: int
    records: int
    without_position: int
    individuals: int
    time_first_us: int | None
    time_last_us: int | None
    refused: int
    flagged: dict[str, int]
    warnings: list[Warning_]
    kinds: list[Kind]
    refusals: list[Refusal]

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        if self.refusals:
            return SOME_REFUSED
        return SUSPECT if self.warnings or self.flagged else ALL_STORED


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read, as a source declares it; None where that is to be found out."""

    format: str | None = None
    tz: str = "UTC"
    encoding: str | None = None
    datum: str = "wgs84"
    date_order: str | None = None
    mapping: ColumnMapping | None = None


def check(name: str, payload: bytes, reading: Reading, now_us: int) -> Findings:
    """Decode a file and put together what was found."""
    content = unpack(payload, limit_bytes=FILE_MAX_BYTES)
    form = reading.format
    if form is None and reading.mapping is None:
        form = sniff(content, encoding=reading.encoding)
    if form == movebank_reference_csv.NAME:
        return _check_reference(name, content, reading, now_us)
    decoded = decode(
        content,
        format=form,
        tz=reading.tz,
        encoding=reading.encoding,
        datum=reading.datum,
        date_order=reading.date_order,
        mapping=reading.mapping,
        now_us=now_us,
    )
    records = decoded.records
    suspect = zone_suspect(records)
    first, last = records["time_us"].min(), records["time_us"].max()
    return Findings(
        file=name,
        format=decoded.format,
        units=decoded.units,
        records=records.height,
        without_position=records["lon"].null_count(),
        individuals=records.select("individual", "tag").n_unique(),
        time_first_us=first if isinstance(first, int) else None,
        time_last_us=last if isinstance(last, int) else None,
        refused=len(decoded.refusals),
        flagged=dict(sorted(Counter(record_flags(records)["code"].to_list()).items())),
        warnings=[*decoded.warnings, *([suspect] if suspect else [])],
        kinds=_kinds(decoded.refusals, content),
        refusals=decoded.refusals,
    )


def _kinds(refusals: list[Refusal], content: bytes) -> list[Kind]:
    """Sum refusals up by their codes, the most frequent first."""
    counts = Counter(refusal.code for refusal in refusals)
    first: dict[str, Refusal] = {}
    for refusal in refusals:
        first.setdefault(refusal.code, refusal)
    return [
        Kind(
            code,
            count,
            first[code].unit,
            _line(content, first[code].offset),
            first[code].offset,
            first[code].excerpt,
            first[code].remedy,
        )
        for code, count in counts.most_common()
    ]


def _line(content: bytes, offset: int | None) -> int | None:
    """Line in which an offset lies, from 1; a file with CR alone has lines, too."""
    if offset is None:
        return None
    end = b"\n" if b"\n" in content else b"\r"
    return content.count(end, 0, offset) + 1


def _check_reference(name: str, content: bytes, reading: Reading, now_us: int) -> Findings:
    """Put together what was found in reference data."""
    told = {"encoding": reading.encoding, "date_order": reading.date_order}
    decoded = decode_reference(content, tz=reading.tz, **told, now_us=now_us)
    starts = [row.deploy_on_us for row in decoded.rows if row.deploy_on_us is not None]
    return Findings(
        file=name,
        format=movebank_reference_csv.NAME,
        units=decoded.units,
        records=len(decoded.rows),
        without_position=0,
        individuals=len({row.individual for row in decoded.rows}),
        time_first_us=min(starts, default=None),
        time_last_us=max(starts, default=None),
        refused=len(decoded.refusals),
        flagged={},
        warnings=decoded.warnings,
        kinds=_kinds(decoded.refusals, content),
        refusals=decoded.refusals,
    )


def show(found: Findings, console: Console) -> None:
    """Print findings for people."""
    counts = Table(title=Text(f"{found.file} as {found.format}"), show_header=False)
    shown = {
        "units": found.units,
        "would be stored": found.records,
        "of these without position": found.without_position,
        "birds or tags": found.individuals,
        "refused": found.refused,
    }
    for label, count in shown.items():
        counts.add_row(label, f"{count:,}")
    for code, count in found.flagged.items():
        counts.add_row(f"flagged {code}", f"{count:,}")
    console.print(counts)
    for warning in found.warnings:
        console.print(Text(f"{warning.code}: {warning.detail}"))
    for kind in found.kinds:
        places = [f"unit {kind.unit}"]
        places += [] if kind.line is None else [f"line {kind.line}", f"byte {kind.offset}"]
        console.print(Text(f"{kind.code}: {kind.count:,} refused, first at {', '.join(places)}."))
        console.print(Text(f"    {kind.first}"))
        console.print(Text(f"    {kind.remedy}"))
    if found.refused > len(found.kinds):
        console.print(Text("--json lists every refusal."))


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    chosen = _parser().parse_args(arguments)
    path = Path(chosen.file)
    console = Console(soft_wrap=True)
    try:
        payload = path.read_bytes()
        now_us = time.time_ns() * SECOND_US // 1_000_000_000
        reading = _reading(chosen)
        found = check(path.name, payload, reading, now_us)
    except OSError as error:
        Console(stderr=True).print(Text(f"{error.filename or path}: {error.strerror}"))
        return UNREADABLE
    except (UnreadablePush, MappingRefused) as error:
        problem = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
        if chosen.json:
            sys.stdout.write(msgspec.json.encode(problem).decode() + "\n")
        else:
            console.print(Text(f"{error.code}: {error.detail} {error.remedy}"))
        return UNREADABLE
    if chosen.json:
        sys.stdout.write(msgspec.json.encode(asdict(found)).decode() + "\n")
    else:
        show(found, console)
    return found.exit_code


def _reading(chosen: argparse.Namespace) -> Reading:
    """How the command says the file is to be read; the mapping's zone holds where none is said."""
    mapping = read_mapping(Path(chosen.mapping).read_bytes()) if chosen.mapping else None
    tz = chosen.tz or (mapping.tz if mapping else None) or "UTC"
    return Reading(chosen.format, tz, chosen.encoding, chosen.datum, chosen.date_order, mapping)


def _parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="check")
    verb = verbs.add_parser("check", help="tell what would be stored, refused, suspected")
    verb.add_argument("file", help="the file, plain, gzip or zip")
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--format", choices=sorted(FORMATS), help="default: by its first bytes")
    how.add_argument("--mapping", metavar="FILE.json", help="read as a column mapping says")
    verb.add_argument("--tz", help="zone of times that carry none (the mapping's, or UTC)")
    verb.add_argument("--encoding", choices=sorted(ENCODINGS), help="default: found out")
    verb.add_argument("--datum", choices=DATUMS, default="wgs84", help="of the coordinates")
    verb.add_argument("--date-order", choices=DATE_ORDERS, help="of 03/04/2024; default: found out")
    verb.add_argument("--json", action="store_true", help="one JSON object, all refusals")
    return parser


def _run() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _run()
