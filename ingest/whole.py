"""One push, or several small ones, decoded as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ingest.alike import names_alike
from ingest.correction import Correction, corrected, unit_texts
from ingest.dates import dated, doubts_told
from ingest.datum import outside_china, to_wgs84
from ingest.doubts import noting
from ingest.encoding import relocate
from ingest.formats import Decoder, columns, xlsx
from ingest.formats.elements import begins_json
from ingest.known import FORMATS, named, tag_columns, told
from ingest.mapping import ColumnMapping
from ingest.patterns import Swaps
from ingest.record import Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush
from ingest.rollover import rollover_suspect
from ingest.text import as_text
from ingest.yearlast import reading_dates


def decode(
    payload: bytes,
    *,
    format: str | None = None,
    tz: str = "UTC",
    encoding: str | None = None,
    datum: str = "wgs84",
    date_order: str | None = None,
    mapping: ColumnMapping | None = None,
    tag: str | None = None,
    corrections: Sequence[Correction] = (),
    now_us: int,
) -> Decoded:
    """
    Decode one push.

    Parameters
    ----------
    payload : bytes
        Not compressed, see `unpack`.
    format : str or None
        A key of `FORMATS`; None to sniff it.
    tz : str
        Zone of times that carry none: ``UTC``, ``UTC+8``, ``+08:00``, ``Asia/Seoul``.
    encoding : str or None
        What the text is written in, as in `ENCODINGS`; None to find out.
    datum : str
        Of the coordinates: one of `DATUMS`.
    date_order : str or None
        Of dates that have the year last: one of `DATE_ORDERS`; None to find out, see `dates`.
    mapping : ColumnMapping or None
        How to read it in place of a format; see `read_mapping`.
    tag : str or None
        Whose it is, where its rows name no tag; see `tag_of_file`.
    corrections : sequence of Correction
        What is read in place of refused units, see `correction`.
    now_us : int
        The present [us since 1970-01-01 UTC]. Times over a day ahead of it, or before 1978, are
        refused.

    Returns
    -------
    Decoded
        ``units == records.height + len(refusals)``.

    Raises
    ------
    UnreadablePush
        The push as a whole can't be read; its code tells why.

    Examples
    --------
    >>> text = b'{"tag":"6118","time":"2018-07-05T10:48:10Z","lon":82.1,"lat":95}'
    >>> decode(text, now_us=1_700_000_000_000_000).refusals[0].code
    'latitude-out-of-range'
    """
    laid = _laid_open(
        payload, format=format, tz=tz, encoding=encoding, datum=datum, date_order=date_order,
        mapping=mapping, tag=tag, corrections=corrections, now_us=now_us,
    )  # fmt: skip
    swapped = [] if mapping is None else swaps_told(mapping, laid.decoded)
    found = replace(
        laid.decoded,
        refusals=laid.placed(payload),
        warnings=[
            *laid.warnings,
            *laid.decoded.warnings,
            *swapped,
            *laid.told,
            *doubts_told(laid.decoded.doubts),
        ],
    )
    return _with_suspects(found, now_us)


def refused_texts(
    payload: bytes,
    units: Sequence[int],
    *,
    format: str | None = None,
    tz: str = "UTC",
    encoding: str | None = None,
    datum: str = "wgs84",
    date_order: str | None = None,
    mapping: ColumnMapping | None = None,
    tag: str | None = None,
    now_us: int,
) -> dict[int, str]:
    """
    Return the whole text of refused units: of a workbook's row its cells as CSV.

    Parameters
    ----------
    payload : bytes
        As sent, not compressed.
    units : sequence of int
        The units.
    format, tz, encoding, datum, date_order, mapping, tag, now_us : see `decode`

    Returns
    -------
    dict of int to str

    Raises
    ------
    UnreadablePush
        As `decode`.
    CorrectionRefused
        Codes ``unit-not-refused`` and ``correction-impossible``.
    """
    laid = _laid_open(
        payload, format=format, tz=tz, encoding=encoding, datum=datum, date_order=date_order,
        mapping=mapping, tag=tag, corrections=(), now_us=now_us,
    )  # fmt: skip
    return unit_texts(laid.text, laid.decoded, units)


@dataclass(frozen=True, slots=True)
class _Laid:
    """
    A push laid open: the text that decoders took of it, and what came of that.

    Offsets are those of the text. `warnings` are those of making it, `told` those of its dates.
    """

    text: bytes
    encoding: str | None
    sheet: xlsx.SheetText | None
    decoded: Decoded
    warnings: list[Warning_]
    told: list[Warning_]

    def placed(self, payload: bytes) -> list[Refusal]:
        """Give the refusals their places in the bytes as sent; a cell has none, but its row."""
        if self.sheet is not None:
            return [self.sheet.in_row(refusal) for refusal in self.decoded.refusals]
        return relocate(self.decoded.refusals, payload, self.text, self.encoding)


_NO_TABLE = ("columns-missing", "empty", "line-too-long")
"""Codes of a sheet that is not the table: the next one may be."""


def _laid_open(
    payload: bytes,
    *,
    format: str | None,
    tz: str,
    encoding: str | None,
    datum: str,
    date_order: str | None,
    mapping: ColumnMapping | None,
    tag: str | None,
    corrections: Sequence[Correction],
    now_us: int,
) -> _Laid:
    """Decode the text of a push, or the first sheet of a workbook that is a table."""
    decoder = decoder_of(payload, format, encoding, mapping, tag=tag)
    how = How(decoder=decoder, tz=tz, datum=datum, now_us=now_us)
    if mapping is None:
        is_book = format == xlsx.NAME or (format is None and xlsx.accepts(payload))
    else:
        is_book = mapping.kind == "table" and xlsx.accepts(payload)
    declared = encoding or (mapping.encoding if mapping else None)
    texts: Iterable[tuple[xlsx.SheetText | bytes, list[Warning_]]] = (
        xlsx.sheets(payload, mapping.skip_lines if mapping else 0)
        if is_book
        else [as_text(payload, declared)]
    )
    unfit: UnreadablePush | None = None
    for given, warnings in texts:
        sheet = None if isinstance(given, bytes) else given
        text = given if isinstance(given, bytes) else given.text
        try:
            read = partial(how.read, corrections=corrections)
            decoded, told = dated(read, text, date_order, tag_columns(mapping))
        except UnreadablePush as unreadable:
            if not is_book or unreadable.code not in _NO_TABLE:
                raise
            unfit = unfit or unreadable
        else:
            return _Laid(text, declared, sheet, decoded, warnings, told)
    raise unfit or UnreadablePush("empty", "The workbook has no sheet.", "Send one with a table.")


def decoder_of(
    payload: bytes,
    form: str | None,
    encoding: str | None,
    mapping: ColumnMapping | None,
    *,
    tag: str | None,
) -> Decoder:
    """Give what decodes a push, or any piece of it."""
    if mapping is None:
        return told(named(payload, form, encoding), tag)
    return partial(columns.decode, mapping, tag=tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How text is read: by which decoder, and what it is told."""

    decoder: Decoder
    tz: str
    datum: str
    now_us: int

    def read(self, text: bytes, corrections: Sequence[Correction]) -> Decoded:
        """
        Decode text.

        Parameters
        ----------
        text : bytes
            As decoders take it.
        corrections : sequence of Correction
            Of its units.
        """
        decoded = corrected(self._read, text, corrections) if corrections else self._read(text)
        return in_wgs84(decoded, self.datum)

    def _read(self, text: bytes) -> Decoded:
        with noting() as doubts:
            decoded = self.decoder(text, tz=self.tz, now_us=self.now_us)
        return replace(decoded, doubts=doubts)


def in_wgs84(decoded: Decoded, datum: str) -> Decoded:
    """Bring what a decoder gave to WGS 84, and tell what is uncertain about it."""
    records = to_wgs84(decoded.records, datum)
    return replace(
        decoded, records=records, warnings=[*decoded.warnings, *outside_china(records, datum)]
    )


def swaps_told(mapping: ColumnMapping, decoded: Decoded) -> list[Warning_]:
    """Judge the order of day and month by the times of all records."""
    if mapping.time_format is None or decoded.times is None:
        return []
    swaps = Swaps(mapping.time_format)
    swaps.add(decoded.times)
    swapped = swaps.suspect()
    return [Warning_("day-month-suspect", swapped)] if swapped else []


def _with_suspects(decoded: Decoded, now_us: int) -> Decoded:
    """Add what the records together give rise to suspect."""
    suspect = rollover_suspect(decoded.records, now_us)
    found = [*([suspect] if suspect else []), *names_alike(decoded.records)]
    return replace(decoded, warnings=decoded.warnings + found) if found else decoded


def decode_many(
    payloads: Sequence[bytes],
    *,
    format: str | None = None,
    tz: str = "UTC",
    encoding: str | None = None,
    datum: str = "wgs84",
    date_order: str | None = None,
    mapping: ColumnMapping | None = None,
    tag: str | None = None,
    corrections: Sequence[Correction] = (),
    now_us: Sequence[int],
) -> list[Decoded | UnreadablePush]:
    """
    Decode pushes that are all to be read in one way: each as `decode` does it alone.

    Parameters
    ----------
    payloads : sequence of bytes
        As of `decode`; `format` to `tag` are those of all.
    corrections : sequence of Correction
        Of the one push there is: no two share theirs.
    now_us : sequence of int
        The present of each push [us since 1970-01-01 UTC].

    Returns
    -------
    list of Decoded or UnreadablePush
        What `decode` gives or raises, in the order of the pushes.

    Examples
    --------
    >>> text = b'{"tag":"6118","time":"2018-07-05T10:48:10Z","lon":82.1,"lat":46.1}'
    >>> now = 1_700_000_000_000_000
    >>> first, second = decode_many([text, b"?"], now_us=[now, now])
    >>> first.units, second.code
    (1, 'format-unknown')
    """
    known = FORMATS.get(format or "")
    together = len(payloads) > 1 and mapping is None and all(map(begins_json, payloads))
    if together and encoding is tag is None and known is not None and known.decode_many is not None:
        with reading_dates(date_order) as held, noting() as doubts:
            read = known.decode_many(payloads, tz=tz, now_us=now_us)
        # Of dates and clocks there may be something to tell, of each push by itself.
        if not held.needed and not doubts_told(doubts):
            return [
                _with_suspects(in_wgs84(each, datum), now) if isinstance(each, Decoded) else each
                for each, now in zip(read, now_us, strict=True)
            ]
    found: list[Decoded | UnreadablePush] = []
    for payload, now in zip(payloads, now_us, strict=True):
        try:
            found.append(
                decode(
                    payload,
                    format=format,
                    tz=tz,
                    encoding=encoding,
                    datum=datum,
                    date_order=date_order,
                    mapping=mapping,
                    tag=tag,
                    corrections=corrections,
                    now_us=now,
                )
            )
        except UnreadablePush as unreadable:
            found.append(unreadable)
    return found
