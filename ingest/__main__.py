"""
``python -m ingest check FILE``: what the service would make of a file, with no server.

Exit codes: 0 every unit would be stored; 1 some units would be refused; 2 the file can't be read
at all (or the command was misspelt); 3 nothing refused, but something is suspect.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from codecs import BOM_UTF16_BE
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
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
    Push,
    Refusal,
    UnreadablePush,
    Warning_,
    decode_pieces,
    decode_reference,
    open_push,
    read_mapping,
    tag_of_file,
    tag_of_name_not_used,
)
from ingest.checks import record_flags
from ingest.clock import SECOND_US
from ingest.daylight import Flights, flies_by_day
from ingest.encoding import is_utf16
from ingest.formats import movebank_reference_csv

FILE_MAX_BYTES = 1_073_741_824
"""Largest file checked, inflated [bytes]; it is read piece by piece."""

ALL_STORED, SOME_REFUSED, UNREADABLE, SUSPECT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Kind:
    """
    All refusals of one code: how many, and the first of them.

    Attributes
    ----------
    line : int or None
        Line of the file, from 1, or row of the sheet of a workbook.
    offset : int or None
        Where it begins in the file, unpacked [bytes]; None in a workbook.
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
class Refused:
    """One refusal and the line in which its unit begins; see `Kind` and `Refusal`."""

    unit: int
    line: int | None
    offset: int | None
    code: str
    excerpt: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Findings:
    """
    What a check found: the counts of a receipt, plus flags.

    Attributes
    ----------
    repeated : int
        Records that are the same as an earlier one of the file: duplicates, counted and not kept.
    bbox : tuple of float or None
        West, south, east and north of the positions [degrees].
    """

    file: str
    format: str
    units: int
    records: int
    repeated: int
    without_position: int
    bbox: tuple[float, float, float, float] | None
    individuals: int
    time_first_us: int | None
    time_last_us: int | None
    refused: int
    flagged: dict[str, int]
    warnings: list[Warning_]
    kinds: list[Kind]
    refusals: list[Refused]

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        if self.refusals:
            return SOME_REFUSED
        return SUSPECT if self.warnings or self.flagged else ALL_STORED


@dataclass(frozen=True, slots=True)
class Reading:
    """
    How a file is to be read, as a source declares it; None where that is to be found out.

    `taxon` is that of birds whose rows name none, as a study states it: it decides whether they
    fly by day, and with neither they are taken to.
    """

    format: str | None = None
    tz: str = "UTC"
    encoding: str | None = None
    datum: str = "wgs84"
    date_order: str | None = None
    mapping: ColumnMapping | None = None
    tag: str | None = None
    taxon: str | None = None


def check(name: str, sent: BinaryIO, reading: Reading, now_us: int) -> Findings:
    """Decode a file piece by piece and put together what was found."""
    push = open_push(
        sent, limit_bytes=FILE_MAX_BYTES, format=reading.format, encoding=reading.encoding,
        mapping=reading.mapping, tag=reading.tag or tag_of_file(name),
    )  # fmt: skip
    push.left_out.extend(tag_of_name_not_used(tag_of_file(name), reading.tag))
    if push.format == movebank_reference_csv.NAME:
        return _check_reference(name, push, reading, now_us)
    flights = Flights(tempfile.TemporaryFile)
    refusals: list[Refusal] = []
    warnings: list[Warning_] = []
    flagged: Counter[str] = Counter()
    birds: set[tuple[str | None, ...]] = set()
    times: list[int] = []
    corners: list[tuple[float, ...]] = []
    said: list[pl.Series] = []
    n_records, placeless, form = 0, 0, ""
    pieces = decode_pieces(
        push, tz=reading.tz, datum=reading.datum, date_order=reading.date_order, now_us=now_us
    )
    for piece in pieces:
        form, warnings, records = piece.format, piece.warnings, piece.records
        taxa = records["taxon"].unique().to_list()
        by_day = [each for each in taxa if flies_by_day(each or reading.taxon)]
        flights.add(records.filter(pl.col("taxon").is_in(by_day, nulls_equal=True)))
        refusals += piece.refusals
        flagged.update(record_flags(records)["code"].to_list())
        birds.update(records.select("individual", "tag").unique().iter_rows())
        n_records += records.height
        placeless += records["lon"].null_count()
        ends = records.select(first=pl.col("time_us").min(), last=pl.col("time_us").max()).row(0)
        times += [end for end in ends if end is not None]
        lon, lat = pl.col("lon"), pl.col("lat")
        corner = records.select(a=lon.min(), b=lat.min(), c=lon.max(), d=lat.max()).row(0)
        corners += [] if corner[0] is None else [corner]
        said.append(records.drop("unit").hash_rows())
    suspect = flights.suspect()
    refused = _placed(refusals, push)
    return Findings(
        file=name,
        format=form,
        units=n_records + len(refusals),
        records=n_records,
        repeated=n_records - pl.concat(said).n_unique() if said else 0,
        without_position=placeless,
        bbox=_box(corners),
        individuals=len(birds),
        time_first_us=min(times, default=None),
        time_last_us=max(times, default=None),
        refused=len(refusals),
        flagged=dict(sorted(flagged.items())),
        warnings=[*warnings, *([suspect] if suspect else [])],
        kinds=_kinds(refused),
        refusals=refused,
    )


def _box(corners: list[tuple[float, ...]]) -> tuple[float, float, float, float] | None:
    if not corners:
        return None
    west, south, east, north = zip(*corners, strict=True)
    return min(west), min(south), max(east), max(north)


def _kinds(refusals: list[Refused]) -> list[Kind]:
    """Sum refusals up by their codes, the most frequent first."""
    counts = Counter(refusal.code for refusal in refusals)
    first: dict[str, Refused] = {}
    for refusal in refusals:
        first.setdefault(refusal.code, refusal)
    return [
        Kind(code, count, each.unit, each.line, each.offset, each.excerpt, each.remedy)
        for (code, count), each in ((pair, first[pair[0]]) for pair in counts.most_common())
    ]


def _placed(refusals: list[Refusal], push: Push) -> list[Refused]:
    """Give refusals their lines, from 1; a file with CR alone has lines, too."""
    wanted = np.unique([each.offset for each in refusals if each.offset is not None])
    lines = np.ones(wanted.size, dtype=np.int64)
    wide = is_utf16(push.first, push.encoding)
    end = ord("\n") if push.lines else ord("\r")
    start, passed, held = 0, 0, b""
    for piece in push.content() if wanted.size else ():
        held += piece
        text = held[: len(held) // 2 * 2] if wide else held
        breaks = start + _breaks(text, end, wide=wide, big=push.first.startswith(BOM_UTF16_BE))
        inner = slice(*np.searchsorted(wanted, [start, start + len(text)]))
        lines[inner] += passed + np.searchsorted(breaks, wanted[inner])
        start, passed, held = start + len(text), passed + breaks.size, held[len(text) :]
    lines[np.searchsorted(wanted, start) :] += passed
    line_of = dict(zip(wanted.tolist(), lines.tolist(), strict=True))
    return [
        Refused(each.unit, each.line or line_of.get(each.offset), each.offset, each.code,
                each.excerpt, each.remedy)
        for each in refusals
    ]  # fmt: skip


def _breaks(text: bytes, end: int, *, wide: bool, big: bool) -> NDArray[np.int64]:
    """Where line ends stand in a part of a text [bytes]."""
    units = np.frombuffer(text, dtype=(">u2" if big else "<u2") if wide else np.uint8)
    return np.flatnonzero(units == end) * (2 if wide else 1)


def _check_reference(name: str, push: Push, reading: Reading, now_us: int) -> Findings:
    """Put together what was found in reference data."""
    told = {"encoding": reading.encoding, "date_order": reading.date_order}
    decoded = decode_reference(push.payload(), tz=reading.tz, **told, now_us=now_us)
    starts = [row.deploy_on_us for row in decoded.rows if row.deploy_on_us is not None]
    refused = _placed(decoded.refusals, push)
    return Findings(
        file=name,
        format=movebank_reference_csv.NAME,
        units=decoded.units,
        records=len(decoded.rows),
        repeated=0,
        without_position=0,
        bbox=None,
        individuals=len({row.individual for row in decoded.rows}),
        time_first_us=min(starts, default=None),
        time_last_us=max(starts, default=None),
        refused=len(decoded.refusals),
        flagged={},
        warnings=[*push.left_out, *decoded.warnings],
        kinds=_kinds(refused),
        refusals=refused,
    )


def show(found: Findings, console: Console) -> None:
    """Print findings for people."""
    counts = Table(title=Text(f"{found.file} as {found.format}"), show_header=False)
    shown = {
        "units": found.units,
        "would be stored": found.records - found.repeated,
        "the same as an earlier unit": found.repeated,
        "without position": found.without_position,
        "birds or tags": found.individuals,
        "refused": found.refused,
    }
    for label, count in shown.items():
        counts.add_row(label, f"{count:,}")
    for label, time_us in (("first time", found.time_first_us), ("last time", found.time_last_us)):
        if time_us is not None:
            at = datetime.fromtimestamp(time_us / SECOND_US, UTC)
            counts.add_row(label, f"{at:%Y-%m-%d %H:%M:%S} UTC")
    if found.bbox is not None:
        west, south, east, north = found.bbox
        counts.add_row("longitudes", f"{west:.4f} to {east:.4f} degrees")
        counts.add_row("latitudes", f"{south:.4f} to {north:.4f} degrees")
    for code, count in found.flagged.items():
        counts.add_row(f"flagged {code}", f"{count:,}")
    console.print(counts)
    for warning in found.warnings:
        console.print(Text(f"{warning.code}: {warning.detail}"))
    for kind in found.kinds:
        places = [f"unit {kind.unit}"]
        places += [] if kind.line is None else [f"line {kind.line}"]
        places += [] if kind.offset is None else [f"byte {kind.offset}"]
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
        now_us = time.time_ns() * SECOND_US // 1_000_000_000
        reading = _reading(chosen)
        with path.open("rb") as sent:
            found = check(path.name, sent, reading, now_us)
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
        said = [{"code": each.code, "detail": each.detail} for each in found.warnings]
        told = asdict(replace(found, warnings=[])) | {"warnings": said}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        show(found, console)
    return found.exit_code


def _reading(chosen: argparse.Namespace) -> Reading:
    """How the command says the file is to be read; the mapping's zone holds where none is said."""
    mapping = read_mapping(Path(chosen.mapping).read_bytes()) if chosen.mapping else None
    tz = chosen.tz or (mapping.tz if mapping else None) or "UTC"
    told = (chosen.encoding, chosen.datum, chosen.date_order)
    return Reading(chosen.format, tz, *told, mapping, chosen.tag, chosen.taxon)


def _parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="check")
    width = max(map(len, FORMATS))
    verb = verbs.add_parser(
        "check",
        help="tell what would be stored, refused, suspected",
        epilog="formats:\n"
        + "\n".join(f"  {name:{width}}  {FORMATS[name].description}" for name in sorted(FORMATS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("file", help="the file, plain, gzip or zip")
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--format", choices=sorted(FORMATS), metavar="NAME",
                     help="one of those below; default: by its first bytes")  # fmt: skip
    how.add_argument("--mapping", metavar="FILE.json", help="read as a column mapping says")
    verb.add_argument("--tz", help="zone of times that carry none (the mapping's, or UTC)")
    verb.add_argument("--encoding", choices=sorted(ENCODINGS), help="default: found out")
    verb.add_argument("--datum", choices=DATUMS, default="wgs84", help="of the coordinates")
    verb.add_argument("--date-order", choices=DATE_ORDERS, help="of 03/04/2024; default: found out")
    verb.add_argument("--tag", help="whose it is, if no row says; default: <tag>g.txt, <tag>e.txt")
    verb.add_argument("--taxon", help="of birds whose rows name none: do they fly by day?")
    verb.add_argument("--json", action="store_true", help="one JSON object, all refusals")
    return parser


def _run() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _run()
