"""Tables and JSON of makers with no public field list, read as a data manager's mapping says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from ingest.clock import COUNT, parse_instants
from ingest.encoding import relocate
from ingest.formats.delimited import open_sheet
from ingest.formats.layout import Element, Layout, Times, decode_elements, decode_sheet
from ingest.frames import Frames, declared, on_earth
from ingest.mapping import ColumnMapping
from ingest.patterns import parse_by
from ingest.record import Decoded, Warning_
from ingest.refusal import UnreadablePush
from ingest.vocabulary import columns_of, sensor_by_class, sensor_of

FORM = "columns"
"""Format of what a mapping read, in receipts; it is no key of FORMATS, as it says nothing alone."""

_LISTS = ("fixes", "data", "records", "features", "list")


def decode(
    mapping: ColumnMapping, payload: bytes, *, tz: str, now_us: int, tag: str | None = None
) -> Decoded:
    r"""
    Decode what a mapping describes. A unit is a data row, or an element of JSON.

    Where it reads the coordinates of GeoJSON points, a member ``crs`` counts as it does without a
    mapping, see `geojson_points`.

    Parameters
    ----------
    mapping : ColumnMapping
        See `mapping.read_mapping`.
    payload : bytes
        UTF-8.
    tz : str
        Zone of times that carry none.
    now_us : int
        The present [us since 1970-01-01 UTC].
    tag : str or None
        The tag of units that name neither one nor a bird.

    Returns
    -------
    Decoded

    Raises
    ------
    UnreadablePush
        Codes of `decode_sheet` and `decode_elements`.

    Examples
    --------
    >>> from ingest.mapping import read_mapping
    >>> told = {"timestamp": "时间", "location-long": "经度", "location-lat": "纬度",
    ...         "tag-local-identifier": "编号"}
    >>> text = "编号,时间,经度,纬度\nHQBG-7,2024/3/1 8:00,116.3,29.1\n".encode()
    >>> mapping = read_mapping({"kind": "table", "terms": told})
    >>> decode(mapping, text, tz="UTC", now_us=1_795_000_000_000_000).records["tag"].to_list()
    ['HQBG-7']
    """
    seen: list[pl.Series] = []
    layout = _layout(mapping, seen)
    if mapping.kind == "json":
        moved = _moved(mapping, payload)
        decoded = decode_elements(layout, payload, tz=tz, now_us=now_us, parts=moved, tag=tag)
    else:
        decoded = _table(mapping, layout, payload, tz=tz, now_us=now_us, tag=tag)
    return replace(decoded, times=seen[-1] if seen else None)


def _moved(mapping: ColumnMapping, payload: bytes) -> Callable[[Element], list[Element | str]]:
    """Give what brings elements to WGS 84, where the mapping reads the points of GeoJSON."""
    lon, lat = mapping.fields["lon"], mapping.fields["lat"]
    if "geometry.coordinates.0" not in lon or "geometry.coordinates.1" not in lat:
        return lambda element: [element]
    frames, crs = Frames(), declared(payload)
    return lambda element: [on_earth(frames, crs, element)]


def lists_of(mapping: ColumnMapping) -> tuple[str, ...]:
    """Give the keys under which JSON may hold its elements."""
    return _LISTS if mapping.elements is None else (mapping.elements,)


def _layout(mapping: ColumnMapping, seen: list[pl.Series]) -> Layout:
    """Turn a mapping into what the engine reads; `seen` takes the times as they were sent."""
    return Layout(
        name=FORM,
        marks=frozenset(),
        fields=mapping.fields,
        per=mapping.per,
        times=_times(mapping.time_format, seen),
        rule=lambda table: _kinds(table, mapping),
        lists=lists_of(mapping),
        decimal_comma=None if mapping.decimal is None else mapping.decimal == ",",
        missing=mapping.missing,
    )


def _times(stated: str | None, seen: list[pl.Series]) -> Times:
    def read(text: pl.Series, tz: str) -> pl.Series:
        if stated is None or stated == COUNT:
            return parse_instants(text, tz, documented=stated is not None)
        seen.append(text)
        return parse_by(text, tz, stated)

    return read


def _kinds(table: pl.DataFrame, mapping: ColumnMapping) -> pl.DataFrame:
    """Name sensors as records do, and Argos classes in capitals."""
    kind = pl.col("sensor") if "sensor" in mapping.fields else pl.lit(None, pl.String)
    if "argos_class" not in table.columns:
        return table.with_columns(sensor_of(kind, pl.lit(mapping.sensor)))
    argos_class = pl.col("argos_class").str.to_uppercase()
    return table.with_columns(sensor_by_class(kind, argos_class, mapping.sensor), argos_class)


def _table(
    mapping: ColumnMapping,
    layout: Layout,
    payload: bytes,
    *,
    tz: str,
    now_us: int,
    tag: str | None,
) -> Decoded:
    text = bare(payload, mapping.skip_lines)
    header = open_sheet(text).header
    found = columns_of(header, layout.fields)
    try:
        decoded = decode_sheet(layout, text, tz=tz, now_us=now_us, tag=tag)
    except UnreadablePush as unreadable:
        if unreadable.code != "columns-missing":
            raise
        raise UnreadablePush(
            unreadable.code,
            f"{unreadable.detail} It reads: {', '.join(header)[:200]}.",
            "Name the columns in the mapping as the header line does, and as skip_lines the number"
            " of lines above it.",
        ) from unreadable
    lost = [names[0] for field, names in layout.fields.items() if field not in found]
    detail = f"The table has none of the columns mapped as: {', '.join(lost)}."
    more = [Warning_("columns-absent", detail)] if lost else []
    placed = relocate(decoded.refusals, payload, text)
    return Decoded(decoded.format, decoded.records, placed, decoded.warnings + more)


def bare(payload: bytes, lines: int) -> bytes:
    """Blank the lines above the header line, so that those below keep their number."""
    if not lines:
        return payload
    end = b"\n" if b"\n" in payload else b"\r"
    breaks = [found.end() for found in re.finditer(re.escape(end), payload)][:lines]
    if len(breaks) < lines:
        return b""
    return end * lines + payload[breaks[-1] :]
