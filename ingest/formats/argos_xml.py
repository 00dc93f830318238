"""Argos XML of the CLS web service (``getXml``, ``getStreamXml``), with or without its SOAP."""

from __future__ import annotations

import polars as pl

from ingest.admission import admit
from ingest.encoding import relocate
from ingest.formats.layout import Layout, interpret, utc_times
from ingest.formats.xml import Unit, excerpt, looks_like_xml, read_units, unwrap
from ingest.reasons import refuse
from ingest.record import Decoded

NAME = "argos-xml"

_MARKS = (b"<satellitePass", b"programNumber", b"xmlResponse")
_HEAD_BYTES = 8_192


def argos_rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Make fixes of passes, as XML and CSV of the service both give them.

    A pass without location stands at its best message. Class G is a GPS fix of the tag, and only
    its altitude is the bird's: that of a Doppler location is the one it was computed with. An
    error of zero means that there is none.
    """
    gps = (pl.col("argos_class") == "G").fill_null(value=False)
    return table.with_columns(
        pl.when(gps).then(pl.lit("gps")).otherwise(pl.lit("argos")).alias("sensor"),
        pl.col("tag").str.replace("^0+([0-9])", "${1}"),
        pl.when(gps).then(pl.col("height_m", "ground_speed_m_s", "heading_deg")),
        pl.when(pl.col("error_m") > 0).then(pl.col("error_m")),
    )


LAYOUT = Layout(
    name=NAME,
    marks=frozenset(),
    decimal_comma=False,
    fields={
        "tag": ("/platform",),
        "time": ("location/locationDate", "bestMsgDate"),
        "lon": ("location/longitude",),
        "lat": ("location/latitude",),
        "height_m": ("location/altitude",),
        "argos_class": ("location/locationClass",),
        "ground_speed_m_s": ("location/gpsSpeed",),
        "heading_deg": ("location/gpsHeading",),
        "lon2": ("location/diagnostic/longitude2",),
        "lat2": ("location/diagnostic/latitude2",),
        "error_m": ("location/diagnostic/errorRadius",),
        "semi_major_m": ("location/diagnostic/semiMajor",),
        "semi_minor_m": ("location/diagnostic/semiMinor",),
        "orientation_deg": ("location/diagnostic/orientation",),
    },
    times=utc_times,
    sensor="argos",
    rule=argos_rule,
)


def accepts(payload: bytes) -> bool:
    """Whether the first bytes are XML of Argos data."""
    head = payload[:_HEAD_BYTES]
    return looks_like_xml(payload) and any(mark in head for mark in _MARKS)


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode Argos XML.

    A unit is a ``satellitePass``. Messages and their sensors are left to the raw bytes.

    The payload is the document, or the SOAP answer that holds it. ``tz`` is
    not used: Argos times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``xml-unreadable``, ``xml-unsafe``, ``too-many-units``.

    References
    ----------
    CLS, Argos web service interface specification 1.7, data.xsd.
    """
    del tz
    text = unwrap(payload)
    units = read_units(text, frozenset({"satellitePass"}), {"platform": "platformId"})
    decoded = decode_units(LAYOUT, text, units, now_us=now_us)
    moved = relocate(decoded.refusals, payload, text)
    return Decoded(NAME, decoded.records, moved, decoded.warnings)


def decode_units(
    layout: Layout,
    text: bytes,
    units: list[Unit],
    *,
    tz: str = "UTC",
    now_us: int,
    tag: str | None = None,
) -> Decoded:
    """Make records of the elements of an XML document whose paths a layout names."""
    paths = [path for names in layout.fields.values() for path in names]
    at = {path: index for index, path in enumerate(paths)}
    whole = [(n, unit) for n, unit in enumerate(units, start=1) if not unit.broken]
    cells = pl.DataFrame(
        [[unit.values.get(path, "").strip() or None for path in paths] for _, unit in whole],
        schema={f"c{index}": pl.String for index in range(len(paths))},
        orient="row",
    ).with_columns(
        pl.Series("unit", [n for n, _ in whole], dtype=pl.Int64),
        pl.Series("line", [n for n, _ in whole], dtype=pl.Int64),
    )
    columns = {name: tuple(at[path] for path in found) for name, found in layout.fields.items()}
    candidates, warnings = interpret(cells, columns, layout, tz=tz)

    def origin(number: int) -> tuple[str, int]:
        offset = units[number - 1].offset
        return excerpt(text, offset), offset

    refused = [
        refuse(n, origin(n)[0], "xml-malformed", unit.offset)
        for n, unit in enumerate(units, start=1)
        if unit.broken
    ]
    return admit(
        candidates,
        format=layout.name,
        now_us=now_us,
        origin=lambda bad: [origin(number) for number in bad["unit"]],
        refused=refused,
        warnings=warnings,
        tag=tag,
    )
