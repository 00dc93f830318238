"""
Corrections: what a person says a refused unit should have been, read in its place.

The bytes as sent stay; a correction is laid over them each time they are read. It holds only
where the unit is refused and says what it said when it was corrected, and only if all other
units are read as before: so one that belongs to another reading of the push does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ingest.encoding import UTF8_BOM
from ingest.formats import argos_diag, argos_ds
from ingest.formats.delimited import logical_rows, open_sheet
from ingest.formats.elements import BROKEN, begins_json, element_end
from ingest.record import Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush

TEXT_MAX_CHARS = 65_536
"""Longest corrected unit [characters]: as long as a line may be."""

Read = Callable[[bytes], Decoded]


@dataclass(frozen=True, slots=True)
class Correction:
    """The text of a unit as it was sent, and what is read in its place."""

    unit: int
    original: str
    text: str


class CorrectionRefused(ValueError):  # noqa: N818 - it names the correction, as UnreadablePush the push
    """A unit can't be corrected so: code, reason and remedy."""

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy


def unit_texts(text: bytes, decoded: Decoded, units: Sequence[int]) -> dict[int, str]:
    """
    Return the whole text of refused units.

    Parameters
    ----------
    text : bytes
        As decoders take it.
    decoded : Decoded
        What its decoder made of it.
    units : sequence of int
        The units.

    Returns
    -------
    dict of int to str

    Raises
    ------
    CorrectionRefused
        Codes ``unit-not-refused`` and ``correction-impossible``.
    """
    refused = {each.unit: each for each in decoded.refusals}
    found: dict[int, str] = {}
    for unit in units:
        if unit not in refused:
            raise CorrectionRefused(
                "unit-not-refused",
                f"Unit {unit} is not among those refused.",
                "Take the number of the unit from the refusals of the push.",
            )
        span = _span(text, decoded.format, refused[unit])
        if span is None:
            raise CorrectionRefused(
                "correction-impossible",
                f"Unit {unit} of {decoded.format} has no text of its own to be replaced.",
                "Mend it in the file and push that again: what is stored already stays once.",
            )
        found[unit] = text[slice(*span)].decode("utf-8", errors="replace")
    return found


def corrected(read: Read, text: bytes, corrections: Sequence[Correction]) -> Decoded:
    """
    Read text with corrections laid over it.

    Parameters
    ----------
    read : callable
        The decoder, with all it needs.
    text : bytes
        UTF-8, as decoders take it.
    corrections : sequence of Correction
        One for a unit at most.

    Returns
    -------
    Decoded
        With as many units as without; ``correction-not-applied`` tells which corrections do not
        belong to this reading. Offsets are those of the text as sent.

    Raises
    ------
    UnreadablePush
        The text can't be read even without.
    """
    plain = read(text)
    refused = {refusal.unit: refusal for refusal in plain.refusals}
    patches: dict[int, tuple[int, int, bytes]] = {}
    for each in corrections:
        span = _span(text, plain.format, refused[each.unit]) if each.unit in refused else None
        if span and text[slice(*span)].decode("utf-8", errors="replace") == each.original:
            patches[each.unit] = (*span, each.text.encode("utf-8", errors="replace"))
    found = _read_patched(read, text, plain, patches) if patches else None
    lost = sorted(each.unit for each in corrections if found is None or each.unit not in patches)
    found = found or plain
    return replace(found, warnings=[*found.warnings, *not_applied(lost)])


NOT_APPLIED = "correction-not-applied"


def not_applied(units: Sequence[int]) -> list[Warning_]:
    """Tell which corrections do not belong to a reading."""
    if not units:
        return []
    named = ", ".join(map(str, sorted(units)[:10]))
    detail = f"{len(units)} correction(s) do not fit this reading: {named}."
    return [Warning_(NOT_APPLIED, detail, {str(unit): 1 for unit in units})]


def _read_patched(
    read: Read, text: bytes, plain: Decoded, patches: Mapping[int, tuple[int, int, bytes]]
) -> Decoded | None:
    """Read the text with its patches; None where anything but the patched units changed."""
    made = text
    for start, end, new in sorted(patches.values(), reverse=True):
        made = made[:start] + new + made[end:]
    try:
        found = read(made)
    except UnreadablePush:
        return None
    others = ~pl.col("unit").is_in(list(patches))
    if found.units != plain.units or not found.records.filter(others).equals(plain.records):
        return None
    places = {refusal.unit: refusal.offset for refusal in plain.refusals}
    refusals = [replace(each, offset=places.get(each.unit)) for each in found.refusals]
    if [each for each in refusals if each.unit not in patches] != [
        each for each in plain.refusals if each.unit not in patches
    ]:
        return None
    return replace(found, refusals=refusals)


def _span(text: bytes, form: str, refusal: Refusal) -> tuple[int, int] | None:
    """Where a refused unit begins and ends [bytes]; None where it has no place of its own."""
    start = refusal.offset
    if start is None or refusal.code in BROKEN:
        return None
    if begins_json(text):
        return start, element_end(text, start)
    if text[:1_024].lstrip().startswith(b"<"):
        return _element(text, start)
    if form == argos_diag.NAME:
        return start, argos_diag.block_end(text, start)
    if form == argos_ds.NAME:
        return start, argos_ds.pass_end(text, start)
    return _row(text, start)


def _element(text: bytes, start: int) -> tuple[int, int] | None:
    """Span of an XML element, up to the first end of its name."""
    name = re.match(rb"<([A-Za-z_][\w.:-]*)", text[start : start + 200])
    end = text.find(b"</" + name[1] + b">", start) if name else -1
    return (start, end + len(name[1]) + 3) if name and end >= 0 else None


def _row(text: bytes, start: int) -> tuple[int, int] | None:
    """Span of a row of a table, which may run over several lines."""
    sheet = open_sheet(text)
    for first, last in logical_rows(sheet):
        if sheet.origin(first)[1] == start:
            at = sheet.origin(last)[1]
            while text.startswith(UTF8_BOM, at):  # a sheet leaves it out
                at += len(UTF8_BOM)
            return start, at + len(sheet.lines[last].encode())
    return None
