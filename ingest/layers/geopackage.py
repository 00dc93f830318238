"""
Habitat polygons as a GeoPackage (OGC 12-128r18), read with SQLite alone.

The file is opened in memory and for reading only; no view, virtual table, trigger or extension of
it is ever asked. Decode untrusted ones through `ingest.layers.isolated`.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import shapely

from ingest.layers.polygons import NAME_KEYS, PolygonLayer, ShapedFeature, build_layer
from ingest.layers.projection import Shaper, to_wgs84, unsupported
from ingest.layers.wanted import Wanted, only_table
from ingest.refusal import UnreadablePush

MAGIC = b"SQLite format 3\0"

VALUE_MAX_BYTES = 67_108_864
"""Largest geometry or text [bytes]: 64 MiB hold four million vertices."""

_VERSIONS = slice(18, 20)  # of the file format: 2 asks for a write-ahead log beside the file
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
_HEADER = struct.Struct("2sBB")
_EMPTY, _EXTENDED = 0x10, 0x20


def decode_geopackage(payload: bytes, wanted: Wanted) -> PolygonLayer:
    """
    Decode the polygons of one table of a GeoPackage.

    Parameters
    ----------
    payload : bytes
        The file. What a write-ahead log beside it held is not in it.
    wanted : Wanted
        The table, where the file has several, and its columns.

    Returns
    -------
    PolygonLayer
        Units are rows, in the order of the file; each is kept or refused by its number.

    Raises
    ------
    UnreadablePush
        Codes ``geopackage-unreadable``, ``layer-ambiguous``, ``crs-unsupported``,
        ``too-many-features``, ``too-many-vertices``.
    """
    flat = bytearray(payload)
    flat[_VERSIONS] = b"\1\1"
    try:
        with closing(sqlite3.connect(":memory:")) as file:
            file.deserialize(bytes(flat))
            file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES)
            file.execute("pragma trusted_schema = off")
            file.execute("pragma cell_size_check = on")
            file.set_authorizer(_reads_alone)
            return _layer(file, wanted)
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise _unreadable("is damaged") from error


def _reads_alone(action: int, *_: Any) -> int:
    reads = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
    return sqlite3.SQLITE_OK if reads else sqlite3.SQLITE_DENY


def _unreadable(why: str) -> UnreadablePush:
    return UnreadablePush(
        "geopackage-unreadable",
        f"The GeoPackage {why}.",
        "Write it again, whole and closed: ogr2ogr -f GPKG areas.gpkg.",
    )


def _layer(file: sqlite3.Connection, wanted: Wanted) -> PolygonLayer:
    tables = _tables(file)
    if not {"gpkg_geometry_columns", "gpkg_spatial_ref_sys"} <= tables:
        raise _unreadable("has no table of its geometries")
    known = {
        row[0]: row[1:]
        for row in file.execute(
            "select table_name, column_name, srs_id from gpkg_geometry_columns order by 1"
        )
        if row[0] in tables
    }
    table = only_table([str(name) for name in known], wanted.table)
    column, srid = known[table]
    shaper = to_wgs84(_definition(file, srid))
    return build_layer(
        _features(file, table, column, srid, shaper=shaper, wanted=wanted),
        wanted.class_property,
        wanted.date_property,
    )


def _tables(file: sqlite3.Connection) -> set[str]:
    """Return the tables that hold rows of their own: no view, and no virtual table."""
    rows = file.execute("select name, sql from sqlite_master where type = 'table'")
    return {
        str(name)
        for name, sql in rows
        if isinstance(sql, str) and not sql.lstrip().lower().startswith("create virtual")
    }


def _definition(file: sqlite3.Connection, srid: object) -> str:
    rows = file.execute(
        "select organization, organization_coordsys_id, definition from gpkg_spatial_ref_sys"
        " where srs_id = ?",
        [srid if isinstance(srid, int) else None],
    ).fetchall()
    if not rows or srid in {-1, 0}:
        raise unsupported("is not stated")
    authority, code, definition = rows[0]
    if str(authority).upper() == "EPSG" and isinstance(code, int) and 0 < code < 1_000_000:
        return f"EPSG:{code}"
    return str(definition)


def _features(
    file: sqlite3.Connection,
    table: str,
    column: object,
    srid: object,
    *,
    shaper: Shaper,
    wanted: Wanted,
) -> Iterator[ShapedFeature]:
    """Yield the rows of a table with the columns that are wanted."""
    none = file.execute(f"select * from {_quoted(table)} limit 0")  # noqa: S608 - quoted
    columns = [each[0] for each in none.description]
    if column not in columns:
        raise _unreadable("names a column of geometries that it has not")
    asked = (wanted.class_property, wanted.date_property, *NAME_KEYS)
    kept = [name for name in columns if name in asked and name != column]
    names = ", ".join(_quoted(name) for name in (str(column), *kept))
    for blob, *values in file.execute(f"select {names} from {_quoted(table)}"):  # noqa: S608 - quoted
        found = _shape(blob, srid)
        shape = found if isinstance(found, str) else shaper(found)
        yield ShapedFeature(shape, dict(zip(kept, values, strict=True)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shape(blob: object, srid: object) -> shapely.Geometry | str:
    """
    Read the geometry of a row, or give the code of its refusal.

    A header of 8 bytes (``GP``, version, flags, SRID) and an envelope stand before the WKB
    (OGC 12-128r18, clause 2.1.3).
    """
    if blob is None:
        return "geometry-type"
    if not isinstance(blob, bytes) or len(blob) < 8:
        return "geometry-malformed"
    magic, version, flags = _HEADER.unpack_from(blob)
    envelope = _ENVELOPE_BYTES.get(flags >> 1 & 7)
    if magic != b"GP" or version != 0 or envelope is None:
        return "geometry-malformed"
    if flags & _EXTENDED:
        return "geometry-type"
    (own,) = struct.unpack_from("<i" if flags & 1 else ">i", blob, 4)
    if own != srid:
        return "srid-differs"
    if flags & _EMPTY:
        return "geometry-empty"
    with np.errstate(invalid="ignore"):  # what is no number is told of by the checks to come
        shape = shapely.from_wkb(blob[8 + envelope :], on_invalid="ignore")
    return "geometry-malformed" if shape is None else shape
