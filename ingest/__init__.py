"""
The decoders: bytes in, records and refusals out.

This is the only door: whoever decodes calls the names below and nothing deeper. All of it is
pure (no file, clock, setting or network) and total: any bytes give records and refusals, or
`UnreadablePush`, and never another exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from ingest.archive import unpack
from ingest.clock import reading_dates
from ingest.correction import Correction, CorrectionRefused, corrected, refused_texts
from ingest.dates import DATE_ORDERS, dated, dated_sheet
from ingest.datum import DATUMS, to_wgs84
from ingest.encoding import ENCODINGS, relocate
from ingest.formats import (
    Decoder,
    Format,
    argos_csv,
    argos_diag,
    argos_ds,
    argos_xml,
    cls_json,
    columns,
    ctt_csv,
    druid_json,
    earthranger_json,
    flyways_json,
    geojson_points,
    gpx,
    gundi_json,
    lotek_json,
    movebank_csv,
    movebank_json,
    movebank_reference_csv,
    ornitela_csv,
    stat_tab,
    telonics_csv,
    traccar_json,
    vectronic_csv,
    vectronic_json,
    wildlife_csv,
    xlsx,
)
from ingest.formats.delimited import open_sheet
from ingest.formats.elements import begins_json, first_keys
from ingest.formats.movebank_reference_csv import (
    DecodedReference,
    Deployment,
    decode_reference,
)
from ingest.mapping import ColumnMapping, MappingRefused, read_mapping, write_mapping
from ingest.record import RECORD_SCHEMA, SENSORS, Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush
from ingest.rollover import rollover_suspect
from ingest.text import as_text

__all__ = [
    "DATE_ORDERS",
    "DATUMS",
    "ENCODINGS",
    "FORMATS",
    "RECORD_SCHEMA",
    "SENSORS",
    "ColumnMapping",
    "Correction",
    "CorrectionRefused",
    "Decoded",
    "DecodedReference",
    "Deployment",
    "Format",
    "MappingRefused",
    "Refusal",
    "UnreadablePush",
    "Warning_",
    "decode",
    "decode_many",
    "decode_reference",
    "read_mapping",
    "refused_texts",
    "sniff",
    "unpack",
    "write_mapping",
]


_TABLE = ("text/csv", "text/tab-separated-values")
_TEXT = ("text/plain",)
_XML = ("application/xml", "text/xml")
_JSON = ("application/json", "application/x-ndjson")
_GEOJSON = ("application/geo+json", "application/geo+json-seq")
_XLSX = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",)


def _decode_xlsx(payload: bytes, *, tz: str, now_us: int) -> Decoded:
    """Decode the first sheet of a workbook whose header line is known."""
    for sheet in xlsx.sheets(payload):
        name = _sniff_header(sheet)
        if name is not None:
            read = partial(FORMATS[name].decode, tz=tz, now_us=now_us)
            decoded, told = dated_sheet(read, sheet)
            lost = xlsx.placeless(decoded.refusals)
            return Decoded(xlsx.NAME, decoded.records, lost, decoded.warnings + told)
    raise UnreadablePush(
        "columns-missing",
        "No sheet of the workbook has a header line that we know.",
        "Name the columns as Movebank or the maker does.",
    )


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        module.NAME: Format(
            module.NAME,
            description,
            media_types,
            module.decode,
            getattr(module, "decode_many", None),
        )
        for module, media_types, description in (
            (movebank_csv, _TABLE, "Movebank event data: GPS and Argos fixes, one a row."),
            (
                movebank_reference_csv,
                _TABLE,
                "Movebank reference data: which tag was on which animal, from when to when.",
            ),
            (argos_diag, _TEXT, "Argos DIAG text (.DIA): one block for each satellite pass."),
            (argos_ds, _TEXT, "Argos DS or PRV text (.DAT): a header line, then messages."),
            (argos_xml, _XML, "Argos XML of the CLS web service, with or without SOAP."),
            (argos_csv, _TABLE, "Argos CSV of the CLS web service, one message a row."),
            (cls_json, _JSON, "CLS telemetry service: GPS fixes and revised Doppler fixes."),
            (wildlife_csv, _TABLE, "Wildlife Computers portal: Locations or Argos table."),
            (stat_tab, _TABLE, "STAT (seaturtle.org): Argos passes, tab-separated."),
            (ornitela_csv, _TABLE, "Ornitela: fixes, and rows of other sensors between them."),
            (druid_json, _JSON, "Druid Technology (Ecotopia): records of its web service."),
            (lotek_json, _JSON, "Lotek: positions of its web service."),
            (vectronic_json, _JSON, "Vectronic Aerospace: positions of its web service."),
            (vectronic_csv, _TABLE, "Vectronic Aerospace: the same positions as CSV."),
            (ctt_csv, _TABLE, "Cellular Tracking Technologies: fixes, one a row."),
            (telonics_csv, _TABLE, "Telonics report: fix attempts below the settings of the tag."),
            (movebank_json, _JSON, "Movebank's public service, and live feeds to it."),
            (gundi_json, _JSON, "Gundi observations, v2 and v1."),
            (earthranger_json, _JSON, "EarthRanger sensor observations."),
            (traccar_json, _JSON, "Traccar: positions forwarded with their device."),
            (geojson_points, _GEOJSON, "GeoJSON points: a collection, an array or a sequence."),
            (gpx, ("application/gpx+xml",), "GPX: points of tracks and routes, and waypoints."),
            (
                flyways_json,
                _JSON,
                "Generic JSON: an object with fixes, an array, or one object a line.",
            ),
        )
    }
    | {
        xlsx.NAME: Format(
            xlsx.NAME, "Workbook: the first sheet that is one of the tables.", _XLSX, _decode_xlsx
        )
    }
)
"""Every format by name."""

_BY_BYTES = (gpx, argos_xml, argos_csv, argos_diag, argos_ds, stat_tab, telonics_csv)
_BY_HEADER = (
    argos_csv,
    wildlife_csv,
    stat_tab,
    ornitela_csv,
    vectronic_csv,
    ctt_csv,
    telonics_csv,
    movebank_csv,
    movebank_reference_csv,
)
_BY_KEYS = (
    cls_json,
    lotek_json,
    vectronic_json,
    traccar_json,
    movebank_json,
    earthranger_json,
    gundi_json,
    geojson_points,
    druid_json,
)


def sniff(payload: bytes, *, encoding: str | None = None) -> str | None:
    r"""
    Name the format of a payload by its first bytes.

    Parameters
    ----------
    payload : bytes
        Not compressed, see `unpack`.
    encoding : str or None
        As the source declares it, see `decode`.

    Returns
    -------
    str or None
        A key of `FORMATS`, None where none fits.

    Examples
    --------
    >>> sniff(b"tag-id,animal-id,deploy-on-date\n")
    'movebank-reference-csv'
    """
    if xlsx.accepts(payload):
        return xlsx.NAME
    if begins_json(payload):
        keys = first_keys(payload)
        return next((str(form.NAME) for form in _BY_KEYS if form.speaks(keys)), flyways_json.NAME)
    head = payload[:_SNIFF_BYTES]
    head, _ = as_text(head, encoding)
    for form in _BY_BYTES:
        if form.accepts(head):
            return str(form.NAME)
    return _sniff_header(head)


def _sniff_header(text: bytes) -> str | None:
    """Name the format of a table by its header line."""
    try:
        header = open_sheet(text[:_SNIFF_BYTES]).header
    except UnreadablePush:
        return None
    return next((str(form.NAME) for form in _BY_HEADER if form.fits(header)), None)


_SNIFF_BYTES = 131_072  # twice the longest header line accepted [bytes]


def decode(
    payload: bytes,
    *,
    format: str | None = None,
    tz: str = "UTC",
    encoding: str | None = None,
    datum: str = "wgs84",
    date_order: str | None = None,
    mapping: ColumnMapping | None = None,
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
    reader = (
        _decoder(payload, format, encoding) if mapping is None else partial(columns.decode, mapping)
    )
    text, warnings = as_text(payload, encoding or (mapping.encoding if mapping else None))
    read = partial(reader, tz=tz, now_us=now_us)
    overlaid = partial(corrected, read, corrections=corrections) if corrections else read
    decoded, told = dated(overlaid, text, date_order)
    found = Decoded(
        decoded.format,
        to_wgs84(decoded.records, datum),
        relocate(decoded.refusals, payload, text),
        warnings + decoded.warnings + told,
    )
    return _with_suspects(found, now_us)


def _decoder(payload: bytes, form: str | None, encoding: str | None) -> Decoder:
    """Give the decoder of a format, named or found out."""
    name = sniff(payload, encoding=encoding) if form is None else form
    if name is None:
        raise UnreadablePush(
            "format-unknown",
            "The push looks like no known format.",
            f"Name its format: one of {', '.join(FORMATS)}.",
        )
    if name not in FORMATS:
        raise UnreadablePush(
            "format-unknown",
            f"There is no format {name[:60]!r}.",
            f"Name one of {', '.join(FORMATS)}.",
        )
    return FORMATS[name].decode


def _with_suspects(decoded: Decoded, now_us: int) -> Decoded:
    """Add what the records together give rise to suspect."""
    suspect = rollover_suspect(decoded.records, now_us)
    return replace(decoded, warnings=[*decoded.warnings, suspect]) if suspect else decoded


def decode_many(
    payloads: Sequence[bytes],
    *,
    format: str | None = None,
    tz: str = "UTC",
    encoding: str | None = None,
    datum: str = "wgs84",
    date_order: str | None = None,
    mapping: ColumnMapping | None = None,
    corrections: Sequence[Correction] = (),
    now_us: Sequence[int],
) -> list[Decoded | UnreadablePush]:
    """
    Decode pushes that are all to be read in one way: each as `decode` does it alone.

    Parameters
    ----------
    payloads : sequence of bytes
        As of `decode`; `format` to `mapping` are those of all.
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
    if together and encoding is None and known is not None and known.decode_many is not None:
        with reading_dates(date_order) as held:
            read = known.decode_many(payloads, tz=tz, now_us=now_us)
        if not held.needed:  # of dates there is something to tell, of each push by itself
            return [
                _with_suspects(replace(each, records=to_wgs84(each.records, datum)), now)
                if isinstance(each, Decoded)
                else each
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
                    corrections=corrections,
                    now_us=now,
                )
            )
        except UnreadablePush as unreadable:
            found.append(unreadable)
    return found
