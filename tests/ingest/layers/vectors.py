"""Binary layers of polygons for tests: written by hand where they are hostile, else by GDAL."""

from __future__ import annotations

import io
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import shapefile
import shapely

SQUARE = shapely.box(126.0, 34.0, 126.5, 34.5)
OTHER = shapely.Polygon([(127, 35), (128, 35), (128, 36), (127, 35)])
WGS84 = (
    'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)


def blob(
    shape: shapely.Geometry, srid: int = 4326, *, flags: int = 1, envelope: bytes = b""
) -> bytes:
    """A geometry as a GeoPackage stores it."""
    return b"GP" + struct.pack("<BBi", 0, flags, srid) + envelope + shapely.to_wkb(shape)


def geopackage(
    rows: Iterable[tuple[object, ...]] = ((blob(SQUARE), "marsh", "1999-07-21"),),
    *,
    srid: int = 4326,
    systems: Sequence[tuple[Any, ...]] = ((4326, "EPSG", 4326, "WGS 84"),),
    tables: Sequence[str] = ("areas",),
    also: str = "",
    columns: str = "geom, kind, since",
) -> bytes:
    """A GeoPackage of the least tables that one can have; `also` is SQL run at its end."""
    with closing(sqlite3.connect(":memory:")) as file:
        file.executescript(
            "create table gpkg_spatial_ref_sys (srs_name, srs_id, organization,"
            " organization_coordsys_id, definition);"
            "create table gpkg_geometry_columns (table_name, column_name, geometry_type_name,"
            " srs_id, z, m);"
        )
        for each in systems:
            file.execute("insert into gpkg_spatial_ref_sys values ('', ?, ?, ?, ?)", each)
        rows = list(rows)
        for table in tables:
            quoted = '"' + table.replace('"', '""') + '"'
            file.execute(f"create table {quoted} ({columns})")
            marks = ", ".join("?" for _ in columns.split(","))
            file.executemany(f"insert into {quoted} values ({marks})", rows)
            file.execute(
                "insert into gpkg_geometry_columns values (?, 'geom', 'POLYGON', ?, 0, 0)",
                [table, srid],
            )
        file.executescript(also)
        file.commit()
        return file.serialize()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def shapefile_parts(
    shapes: Sequence[shapely.Geometry] = (SQUARE,),
    kinds: Sequence[str] = ("marsh",),
    *,
    encoding: str = "utf-8",
    since: Sequence[object] = ("1999-07-21",),
) -> dict[str, bytes]:
    shp, shx, dbf = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with shapefile.Writer(shp=shp, shx=shx, dbf=dbf, encoding=encoding) as file:
        file.field("kind", "C", 60)
        file.field("since", "C", 20)
        for shape, kind, year in zip(shapes, kinds, since, strict=True):
            if isinstance(shape, shapely.Point):
                file.point(shape.x, shape.y)
            else:
                file.shape(shapely.geometry.mapping(shape))
            file.record(kind, year)
    return {"a.shp": shp.getvalue(), "a.dbf": dbf.getvalue(), "a.prj": WGS84.encode()}


def by_gdal(source: Path, driver: str, **options: Any) -> bytes:
    """A layer that GDAL wrote: the same features as another driver's file."""
    import pyogrio  # noqa: PLC0415 - loads GDAL

    frame = pyogrio.read_dataframe(source)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / ("layer.gpkg" if driver == "GPKG" else "layer.shp")
        to_crs = options.pop("crs", None)
        pyogrio.write_dataframe(
            frame.to_crs(to_crs) if to_crs else frame, path, driver=driver, **options
        )
        if driver == "GPKG":
            return path.read_bytes()
        return zipped({f"folder/{each.name}": each.read_bytes() for each in Path(place).iterdir()})
