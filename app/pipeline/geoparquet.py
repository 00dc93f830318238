"""Exported fixes as tables of GeoParquet 1.1: points as WKB in OGC:CRS84, which is its default."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
from pyarrow import parquet

import ingest
from app.store.exports import PROPERTIES

_TEXT = frozenset({"individual", "tag", "taxon", "species_key", "sensor", "flags", "argos_class"})
_KINDS = {"visible": pa.bool_(), "satellites": pa.int16(), **dict.fromkeys(_TEXT, pa.string())}
_SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", tz="UTC")),
        *((name, _KINDS.get(name, pa.float64())) for name in PROPERTIES),
        ("geometry", pa.binary()),
    ]
)
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
"""Well-known binary of a point, little-endian (OGC 06-103r4, 8.2)."""


class Tables:
    """A file of fixes that grows by chunks."""

    def __init__(self, file: IO[bytes]) -> None:
        self.to = parquet.ParquetWriter(file, _SCHEMA)
        self.box: list[float] = []

    def add(self, chunk: pl.DataFrame) -> None:
        """Write a chunk of rows."""
        lon, lat = (chunk[name].to_numpy() for name in ("lon", "lat"))
        self.to.write_table(_table(chunk))
        ends = [(lon.min(), lat.min()), (lon.max(), lat.max())]
        self.box = _joined(self.box, [float(x) for end in ends for x in end])

    def close(self, told: dict[str, Any]) -> None:
        """End the file, with what is told of its study."""
        column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
        column |= {"bbox": self.box} if self.box else {}
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        self.to.add_key_value_metadata({"geo": orjson.dumps(geo), "study": orjson.dumps(told)})
        self.to.close()


def _table(chunk: pl.DataFrame) -> Any:
    points = np.empty(len(chunk), dtype=_POINT)
    points["order"], points["kind"] = 1, 1
    points["lon"], points["lat"] = chunk["lon"], chunk["lat"]
    sensor = pl.col("sensor").replace_strict(dict(enumerate(ingest.SENSORS)))
    table = chunk.select("time", *PROPERTIES).with_columns(sensor).to_arrow()
    places = pa.Array.from_buffers(
        pa.binary(_POINT.itemsize), len(points), [None, pa.py_buffer(points)]
    )
    return table.append_column("geometry", places).cast(_SCHEMA)


def _joined(box: list[float], other: list[float]) -> list[float]:
    if not box:
        return other
    return [*map(min, box[:2], other[:2]), *map(max, box[2:], other[2:])]
