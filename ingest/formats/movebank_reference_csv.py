"""Movebank reference data as CSV: which tag was on which animal, from when to when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
import polars as pl

from ingest.admission import CONTROL, DAMAGED, NAME_MAX_CHARS, TEXT_MAX_CHARS
from ingest.alike import names_alike
from ingest.clock import EARLIEST_US, FUTURE_US, parse_times, why_unread
from ingest.dates import dated, doubts_told
from ingest.doubts import noting
from ingest.encoding import relocate, to_utf8
from ingest.formats import xlsx
from ingest.formats.delimited import open_sheet, read_rows
from ingest.formats.trimmed import anchors_of
from ingest.names import ROUNDED, mended
from ingest.reasons import refuse
from ingest.record import Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush
from ingest.vocabulary import EVENT_TERMS, REFERENCE_TERMS, YES, columns_of, hyphenated, term

NAME = "movebank-reference-csv"

_NAMES = ("tag", "individual", "taxon", "deployment_id")
_NUMBERED = "tag-id"
_DAMAGED = re.compile(DAMAGED.replace(r"\x{fffd}", "\ufffd"))
_NO_TIME = -(2**63)
"""Stands for text that is no time [us]: no year of four digits reaches it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    One row of reference data.

    Attributes
    ----------
    unit : int
        Number of the data row, from 1.
    tag, individual : str
        Local identifiers.
    taxon : str or None
        As sent.
    deploy_on_us, deploy_off_us : int or None
        Range ``[on, off)`` [us since 1970-01-01 UTC]; None is open.
    deployment_id : str or None
        As sent; real files hold ids that name another tag, so it identifies nothing.
    aliases : tuple of str
        Other names of the tag, as our own export tells them.
    implied : bool
        Whether nobody stated the deployment, as our own export tells: the row is there for what it
        says of tag and bird, and names in event rows imply who wore what when.
    terms : dict of str to str
        Every other column that holds a value, under its Movebank name with hyphens; of columns
        of one name the second is ``name-2``, one without a name is ``column-N``.
    """

    unit: int
    tag: str
    individual: str
    taxon: str | None
    deploy_on_us: int | None
    deploy_off_us: int | None
    deployment_id: str | None
    aliases: tuple[str, ...]
    implied: bool
    terms: dict[str, str]


@dataclass(frozen=True, slots=True)
class DecodedReference:
    """Everything a reference file held: ``units == len(rows) + len(refusals)``, always."""

    rows: list[Deployment]
    refusals: list[Refusal]
    warnings: list[Warning_] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Data rows of the file."""
        return len(self.rows) + len(self.refusals)


def fits(header: list[str]) -> bool:
    """Whether a header line can be that of reference data."""
    columns = columns_of(header, REFERENCE_TERMS)
    return {"tag", "individual"} <= columns.keys() and "time" not in columns_of(header, EVENT_TERMS)


def decode(payload: bytes, *, tz: str, now_us: int) -> Decoded:
    """Tell that reference data hold no records: `decode_reference` reads them."""
    del payload, tz, now_us
    raise UnreadablePush(
        "reference-data",
        "Reference data describe deployments; they hold no fixes.",
        "Send this file as reference data of the study, and the fixes as a push.",
    )


def decode_reference(
    payload: bytes,
    *,
    tz: str,
    encoding: str | None = None,
    date_order: str | None = None,
    now_us: int,
) -> DecodedReference:
    r"""
    Decode Movebank reference data.

    Both dialects are read: ``deploy-on-date`` (download) and ``deploy-on-timestamp`` (upload).
    An end more than a day ahead means "not yet" and is left open.

    Of a workbook the first sheet is read that is reference data.
    Encodings and delimiters are as for events: ``encoding`` is one of `ingest.ENCODINGS`, None to
    find out. ``tz`` is that of times that carry none; Movebank writes UTC. ``date_order`` is one
    of `ingest.DATE_ORDERS`, None to find out.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``,
        ``zone-unknown``.

    Examples
    --------
    >>> text = b"tag-id,animal-id,deploy-on-date,animal-sex\n7,Ada,2018-07-05,f\n"
    >>> decode_reference(text, tz="UTC", now_us=1_700_000_000_000_000).rows[0].terms
    {'animal-sex': 'f'}
    """
    if xlsx.accepts(payload):
        return _decode_workbook(payload, tz=tz, date_order=date_order, now_us=now_us)
    text, warnings = to_utf8(payload, encoding)
    found, more = dated(partial(_decode_text, tz=tz, now_us=now_us), text, date_order)
    refusals = relocate(found.refusals, payload, text, encoding)
    return DecodedReference(found.rows, refusals, [*warnings, *more, *found.warnings])


def _decode_workbook(
    payload: bytes, *, tz: str, date_order: str | None, now_us: int
) -> DecodedReference:
    """Decode the first sheet of a workbook that is reference data; refusals tell its rows."""
    unfit: UnreadablePush | None = None
    for sheet, warnings in xlsx.sheets(payload):
        read = partial(_decode_text, tz=tz, now_us=now_us)
        try:
            found, more = dated(read, sheet.text, date_order)
        except UnreadablePush as unreadable:
            if unreadable.code not in {"columns-missing", "empty", "line-too-long"}:
                raise
            unfit = unfit or unreadable
        else:
            refusals = [sheet.in_row(refusal) for refusal in found.refusals]
            return DecodedReference(found.rows, refusals, [*warnings, *more, *found.warnings])
    raise unfit or UnreadablePush("empty", "The workbook has no sheet.", "Send one with a table.")


def _decode_text(text: bytes, *, tz: str, now_us: int) -> DecodedReference:
    """Decode reference data that is UTF-8."""
    with noting() as doubts:
        found = _decode_sheet(text, tz=tz, now_us=now_us)
    told = [*found.warnings, *doubts_told(doubts)]
    return DecodedReference(found.rows, found.refusals, told)


def _decode_sheet(text: bytes, *, tz: str, now_us: int) -> DecodedReference:
    sheet = open_sheet(text)
    columns = _columns(sheet.header)
    missing = [REFERENCE_TERMS[name][0] for name in ("tag", "individual") if name not in columns]
    if missing:
        raise UnreadablePush(
            "columns-missing",
            f"The header line has no column for: {', '.join(missing)}.",
            "Name the columns as Movebank's reference data do: tag-id, animal-id, "
            "deploy-on-date, deploy-off-date.",
        )
    found = read_rows(sheet, range(len(sheet.header)), columns["tag"][0], anchors_of(columns))
    named = [f"c{i}" for name in _NAMES for i in columns.get(name, ())]
    mended_cells, warnings = mended(found.cells, named)
    cells = mended_cells.with_columns(
        _time(found.cells, columns, name, tz).alias(name) for name in ("deploy_on", "deploy_off")
    )
    names_of = _term_names(sheet.header, {indices[0] for indices in columns.values()})
    rows: list[Deployment] = []
    refusals = list(found.refused)
    for cell in cells.iter_rows(named=True):
        row = _row(cell, columns, names_of, now_us)
        if isinstance(row, str):
            text_of, offset = sheet.origin(cell["line"])
            refusals.append(refuse(cell["unit"], text_of, row, offset))
        else:
            rows.append(row)
    refusals.sort(key=lambda refusal: refusal.unit)
    alike = names_alike(_named_in(rows))
    return DecodedReference(rows, refusals, [*found.warnings, *warnings, *alike])


def _columns(header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """
    Find the columns of each field.

    Movebank's reference data name the tag ``tag-id``. In tables of its service, which have a local
    identifier as well, ``tag_id`` is a number of its database, that no event file of it has.
    """
    columns = columns_of(header, REFERENCE_TERMS)
    if "tag" in columns:
        by_name = sorted(columns["tag"], key=lambda index: term(header[index]) == _NUMBERED)
        columns["tag"] = tuple(by_name)
    return columns


def _named_in(rows: Sequence[Deployment]) -> pl.DataFrame:
    """Tags and birds of deployments."""
    names = {name: [getattr(row, name) for row in rows] for name in ("tag", "individual")}
    return pl.DataFrame(names, schema=dict.fromkeys(names, pl.String))


def _time(
    cells: pl.DataFrame, columns: Mapping[str, tuple[int, ...]], name: str, tz: str
) -> pl.Series:
    """Read the times of one end of the deployments; `_NO_TIME` where text is no time."""
    if name not in columns:
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, cells.height)
    text = pl.select(pl.coalesce(cells[f"c{i}"] for i in columns[name]).alias(name))[name]
    times = parse_times(text, tz, date_alone=True)
    return pl.select(
        pl.when(text.is_not_null() & times.is_null()).then(_NO_TIME).otherwise(times)
    ).to_series()


def _row(
    cell: dict[str, int | str | None],
    columns: Mapping[str, tuple[int, ...]],
    names_of: Mapping[int, str],
    now_us: int,
) -> Deployment | str:
    """One deployment, or the code of its refusal."""

    def first(name: str) -> str | None:
        values = (cell[f"c{index}"] for index in columns.get(name, ()))
        return next((str(value) for value in values if value is not None), None)

    tag, individual = first("tag"), first("individual")
    aliases = _aliases(first("aliases"))
    names = (tag, individual, first("taxon"), first("deployment_id"))
    if tag is None or individual is None:
        return "deployment-incomplete"
    code = _name_fault(names, aliases)
    if code:
        return code
    on, off = cell["deploy_on"], cell["deploy_off"]
    assert not isinstance(on, str)
    assert not isinstance(off, str)
    code = _range_fault(on, off, now_us)
    if code == "time-unreadable":
        return why_unread(first("deploy_on" if on == _NO_TIME else "deploy_off"))
    if code:
        return code
    if off is not None and off > now_us + FUTURE_US:
        off = None
    terms = {name: str(cell[f"c{i}"]) for i, name in names_of.items() if cell[f"c{i}"] is not None}
    unit = int(cell["unit"] or 0)
    implied = (first("implied") or "").lower() in YES
    return Deployment(unit, tag, individual, names[2], on, off, names[3], aliases, implied, terms)


def _name_fault(names: Sequence[str | None], aliases: Sequence[str]) -> str:
    """Why tag, individual, taxon, deployment id or aliases can't be, or an empty string."""
    told = [name for name in names if name]
    tag, individual, _, deployment_id = names
    identities = [name for name in (tag, individual, deployment_id) if name]
    if any(len(name) > NAME_MAX_CHARS for name in told):
        return "name-too-long"
    if any(len(alias) > TEXT_MAX_CHARS for alias in aliases):
        return "name-too-long"
    if any(re.search(CONTROL, name) for name in (*told, *aliases)):
        return "control-character"
    if any(_DAMAGED.search(name) for name in identities):
        return "character-damaged"
    if any(re.search(ROUNDED, name) for name in identities):
        return "name-rounded"
    return ""


def _aliases(cell: str | None) -> tuple[str, ...]:
    """Read a JSON array of names; what is none tells no names."""
    try:
        names = msgspec.json.decode(cell or "[]", type=list[str])
    except msgspec.DecodeError:
        return ()
    return tuple(name.strip() for name in names if name.strip())


def _term_names(header: list[str], used: set[int]) -> dict[int, str]:
    """Name the columns that no field takes, each differently: no value is written over."""
    names: dict[int, str] = {}
    for i, sent in enumerate(header):
        if i in used:
            continue
        first = hyphenated(sent) or f"column-{i + 1}"
        again = (f"{first}-{n}" for n in range(2, len(header) + 1))
        names[i] = next(name for name in (first, *again) if name not in names.values())
    return names


def _range_fault(on: int | None, off: int | None, now_us: int) -> str:
    """Why a deployment range can't be, or an empty string."""
    if _NO_TIME in (on, off):
        return "time-unreadable"
    if any(end is not None and end < EARLIEST_US for end in (on, off)):
        return "time-out-of-window"
    if on is not None and on > now_us + FUTURE_US:
        return "time-out-of-window"
    if on is not None and off is not None and off <= on:
        return "deploy-off-before-on"
    return ""
