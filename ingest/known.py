"""Every format by name, and which one a payload is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import BinaryIO

from ingest.archive import member_name
from ingest.formats import (
    Decoder,
    Format,
    argos_csv,
    argos_diag,
    argos_ds,
    argos_xml,
    cls_json,
    ctt_csv,
    druid_json,
    earthranger_json,
    eobs_csv,
    flyways_json,
    geojson_points,
    gpx,
    gundi_json,
    lotek_json,
    microwave_tab,
    movebank_csv,
    movebank_json,
    movebank_reference_csv,
    ornitela_csv,
    stat_tab,
    telonics_csv,
    traccar_json,
    vectronic_csv,
    vectronic_json,
    vectronic_table,
    wildlife_csv,
    xlsx,
)
from ingest.formats.delimited import open_sheet
from ingest.formats.elements import begins_json, first_keys
from ingest.formats.layout import Layout
from ingest.formats.lines import LINE_MAX_CHARS
from ingest.mapping import ColumnMapping
from ingest.record import Decoded
from ingest.refusal import UnreadablePush
from ingest.seams import Blocks, Lines, Rows, Seams
from ingest.text import as_text
from ingest.unknown import table, unknown
from ingest.vocabulary import EVENT_TERMS, tag_not_used, term

_TABLE = ("text/csv", "text/tab-separated-values")
_TEXT = ("text/plain",)
_XML = ("application/xml", "text/xml")
_JSON = ("application/json", "application/x-ndjson")
_GEOJSON = ("application/geo+json", "application/geo+json-seq")
_XLSX = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",)


def _decode_sheet(payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
    """Decode a sheet of a workbook, as CSV, by its header line."""
    name = _sniff_header(payload)
    if name is None:
        seen = table(payload, _layouts())
        raise UnreadablePush(
            "columns-missing",
            f"No sheet of the workbook has a header line that we know. {seen}",
            "Name the columns as Movebank or the maker does, or declare which is which by a column"
            " mapping.",
        )
    decoded = told(FORMATS[name], tag)(payload, tz=tz, now_us=now_us)
    return replace(decoded, format=xlsx.NAME)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        module.NAME: Format(
            module.NAME,
            description,
            media_types,
            module.decode,
            getattr(module, "decode_many", None),
            getattr(module, "decode_told", None),
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
            (argos_csv, _TABLE, "Argos CSV of the CLS web service or web site, one message a row."),
            (cls_json, _JSON, "CLS telemetry service: GPS fixes and revised Doppler fixes."),
            (wildlife_csv, _TABLE, "Wildlife Computers portal: Locations or Argos table."),
            (stat_tab, _TABLE, "STAT (seaturtle.org): Argos passes, tab-separated."),
            (ornitela_csv, _TABLE, "Ornitela: fixes, and rows of other sensors between them."),
            (druid_json, _JSON, "Druid Technology (Ecotopia): records of its web service."),
            (lotek_json, _JSON, "Lotek: positions of its web service."),
            (vectronic_json, _JSON, "Vectronic Aerospace: positions of its web service."),
            (vectronic_csv, _TABLE, "Vectronic Aerospace: the same positions as CSV."),
            (vectronic_table, _TABLE, "Vectronic Aerospace: table of its program GPS Plus X."),
            (ctt_csv, _TABLE, "Cellular Tracking Technologies: fixes, one a row."),
            (telonics_csv, _TABLE, "Telonics report: fix attempts below the settings of the tag."),
            (eobs_csv, _TABLE, "e-obs: what its decoder writes of fixes and of acceleration."),
            (
                microwave_tab,
                _TABLE,
                "Microwave Telemetry: fixes or engineering of the tag that names the file.",
            ),
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
            xlsx.NAME,
            "Workbook: the first sheet that is one of the tables.",
            _XLSX,
            _decode_sheet,
            decode_told=_decode_sheet,
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
    vectronic_table,
    ctt_csv,
    telonics_csv,
    eobs_csv,
    microwave_tab,
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


def _layouts() -> list[Layout]:
    """Give the columns of the makers' tables; Movebank's are not of this kind."""
    return [form.LAYOUT for form in _BY_HEADER if hasattr(form, "LAYOUT")]


def _sniff_header(text: bytes) -> str | None:
    """Name the format of a table by its header line."""
    try:
        header = open_sheet(text[:_SNIFF_BYTES]).header
    except UnreadablePush:
        return None
    return next((str(form.NAME) for form in _BY_HEADER if form.fits(header)), None)


_SNIFF_BYTES = 131_072  # twice the longest header line accepted [bytes]

_ROWS = Rows(lambda text: text)
SEAMS: Mapping[str, Seams] = MappingProxyType(
    {
        movebank_csv.NAME: _ROWS,
        wildlife_csv.NAME: _ROWS,
        ornitela_csv.NAME: _ROWS,
        vectronic_csv.NAME: _ROWS,
        vectronic_table.NAME: _ROWS,
        ctt_csv.NAME: _ROWS,
        eobs_csv.NAME: _ROWS,
        microwave_tab.NAME: _ROWS,
        argos_csv.NAME: Rows(argos_csv.headed),
        stat_tab.NAME: Rows(stat_tab.bare),
        telonics_csv.NAME: Rows(telonics_csv.bare),
        argos_diag.NAME: Blocks(argos_diag.BEGINS, LINE_MAX_CHARS),
        flyways_json.NAME: Lines(flyways_json.LISTS),
        geojson_points.NAME: Lines(geojson_points.LAYOUT.lists),
    }
)
"""Format to where its text is cut; any other is a document, and read as a whole."""


def named(payload: bytes, form: str | None, encoding: str | None) -> Format:
    """Give a format, named or found out; raises UnreadablePush, code ``format-unknown``."""
    name = sniff(payload, encoding=encoding) if form is None else form
    if name is None:
        text, _ = as_text(payload[:_SNIFF_BYTES], encoding)
        raise unknown(payload, text, _layouts(), list(FORMATS))
    if name not in FORMATS:
        raise UnreadablePush(
            "format-unknown",
            f"There is no format {name[:60]!r}.",
            f"Name one of {', '.join(FORMATS)}.",
        )
    return FORMATS[name]


def told(form: Format, tag: str | None) -> Decoder:
    """Give the decoder of a format, told the tag of rows that name none, if any is told."""
    if tag is None:
        return form.decode
    if form.decode_told is not None:
        return partial(form.decode_told, tag=tag)
    return _unused(form.decode, tag)


def _unused(decoder: Decoder, tag: str) -> Decoder:
    """Give a decoder that has no use for a tag it is told, and says so."""

    def read(payload: bytes, *, tz: str, now_us: int) -> Decoded:
        decoded = decoder(payload, tz=tz, now_us=now_us)
        return replace(decoded, warnings=[*decoded.warnings, tag_not_used(tag)])

    return read


def tag_columns(mapping: ColumnMapping | None) -> list[str]:
    """Name the columns in which tags, or else birds, may stand, as `vocabulary.term` does."""
    return _KNOWN_TAGS if mapping is None else _tags_of([mapping.fields])


def _tags_of(fields: Sequence[Mapping[str, Sequence[str]]]) -> list[str]:
    names = (name for who in ("tag", "individual") for held in fields for name in held.get(who, ()))
    return [*dict.fromkeys(map(term, names))]


_KNOWN_TAGS = _tags_of([EVENT_TERMS, *(each.fields for each in (*_layouts(), argos_csv.WEB_SITE))])


def tag_within(sent: BinaryIO) -> str | None:
    """Read the tag in the name of the one file in a zip, see `tag_of_file`; else None."""
    name = member_name(sent)
    return None if name is None else microwave_tab.tag_of_file(name)
