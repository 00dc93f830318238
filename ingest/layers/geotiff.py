"""
Land cover as GeoTIFF: one band of integer classes on a longitude-latitude grid.

GDAL reads the bytes: decode untrusted ones through `ingest.layers.isolated`, which runs this
module as a child process with limits (``python -m ingest.layers.geotiff`` < file > npz).
"""

from __future__ import annotations

import io
import math
import sys
from typing import NoReturn

import msgspec
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile

from ingest.layers.limits import PAYLOAD_MAX_BYTES, answer
from ingest.layers.raster import RasterLayer, RasterMeta
from ingest.refusal import UnreadablePush

CELLS_MAX = 64_000_000
"""Cells of one raster: 8,000 x 8,000, a country at 100 m; 64 MB as bytes."""

CLASSES_MAX = 256
"""Classes of one raster: more means the band holds measurements, not classes."""

METRES_PER_DEGREE = 111_320.0
"""Length of a degree along the equator [m], WGS 84."""

# Look for no file beside the raster, and write none.
_GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


def decode_geotiff(payload: bytes) -> RasterLayer:
    """
    Decode a GeoTIFF of land-cover classes.

    Geographic coordinates of any datum are taken as WGS 84, and `RasterMeta.crs_note` says so:
    MODIS products declare "Clarke 1866" though they lie on WGS 84 within a cell.

    Parameters
    ----------
    payload : bytes
        The file.

    Returns
    -------
    RasterLayer

    Raises
    ------
    UnreadablePush
        Codes ``too-large``, ``raster-unreadable``, ``raster-bands``, ``raster-type``,
        ``raster-classes``, ``crs-unsupported``, ``raster-rotated``, ``raster-bounds``.
    """
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise _too_large(f"{PAYLOAD_MAX_BYTES:,} bytes")
    if not payload:
        raise _unreadable()
    try:
        with (
            rasterio.Env(**_GDAL),
            MemoryFile(payload) as file,
            file.open(driver="GTiff") as dataset,
        ):
            _check_shape(dataset)
            _check_grid(dataset)
            cells: NDArray[np.integer] = dataset.read(1)
            return RasterLayer(_meta(dataset, cells), cells)
    except (RasterioError, OSError, ValueError, MemoryError) as error:
        raise _unreadable() from error


def _unreadable() -> UnreadablePush:
    return UnreadablePush(
        "raster-unreadable",
        "The bytes are no GeoTIFF that can be read to its end.",
        "Send one whole GeoTIFF, as gdal_translate -of GTiff writes it.",
    )


def _too_large(bound: str) -> UnreadablePush:
    return UnreadablePush(
        "too-large", f"The raster holds more than {bound}.", "Clip the raster to the study area."
    )


def _check_shape(dataset: DatasetReader) -> None:
    """Refuse what is not one bounded band of integers."""
    if dataset.width * dataset.height > CELLS_MAX:
        raise _too_large(f"{CELLS_MAX:,} cells")
    if dataset.count != 1:
        raise UnreadablePush(
            "raster-bands",
            f"The raster has {dataset.count} bands.",
            "Send one band of classes: gdal_translate -b 1.",
        )
    if dataset.dtypes[0] not in _INTEGERS:
        raise UnreadablePush(
            "raster-type",
            f"The cells are {dataset.dtypes[0]}, not integer classes.",
            "Send integer classes: gdal_translate -ot Byte.",
        )


def _check_grid(dataset: DatasetReader) -> None:
    """Refuse a grid that does not run along longitude and latitude."""
    if dataset.crs is None or not dataset.crs.is_geographic:
        raise UnreadablePush(
            "crs-unsupported",
            "The raster is not on a longitude-latitude grid, or does not say so.",
            "Reproject it: gdalwarp -t_srs EPSG:4326 -r near.",
        )
    grid = dataset.transform
    if not all(math.isfinite(value) for value in grid[:6]) or grid.b or grid.d:
        raise UnreadablePush(
            "raster-rotated", "The grid is rotated.", "Straighten it: gdalwarp -t_srs EPSG:4326."
        )
    west, south, east, north = dataset.bounds
    margin = 1e-6  # rounding of corners in float32 headers [degrees]
    inside = -180 - margin <= west < east <= 180 + margin
    if grid.e >= 0 or not inside or not -90 - margin <= south < north <= 90 + margin:
        raise UnreadablePush(
            "raster-bounds",
            "The grid is not north up, or leaves -180..180 and -90..90.",
            "Warp it: gdalwarp -t_srs EPSG:4326 -te west south east north.",
        )


def _meta(dataset: DatasetReader, cells: NDArray[np.integer]) -> RasterMeta:
    """Describe a raster that passed its checks."""
    nodata = None if dataset.nodata is None else int(dataset.nodata)
    present = [int(value) for value in np.unique(cells) if value != nodata]
    if len(present) > CLASSES_MAX:
        raise UnreadablePush(
            "raster-classes",
            f"The band holds {len(present):,} different values.",
            f"Send a band of at most {CLASSES_MAX} classes.",
        )
    grid = dataset.transform
    middle = math.radians((dataset.bounds.bottom + dataset.bounds.top) / 2)
    wgs84 = dataset.crs.to_epsg() == 4326
    return RasterMeta(
        width=dataset.width,
        height=dataset.height,
        transform=(grid.a, grid.b, grid.c, grid.d, grid.e, grid.f),
        crs_note="EPSG:4326" if wgs84 else "declared otherwise, taken as EPSG:4326",
        dtype=str(cells.dtype),
        nodata=nodata,
        classes=present,
        cell_size_m=METRES_PER_DEGREE * max(grid.a * math.cos(middle), -grid.e),
    )


def main() -> int:
    """Decode stdin to npz on stdout; a refusal goes to stderr as JSON, with exit code 1."""

    def decoded(payload: bytes) -> bytes:
        layer = decode_geotiff(payload)
        meta = np.frombuffer(msgspec.json.encode(layer.meta), dtype=np.uint8)
        packed = io.BytesIO()
        np.savez_compressed(packed, meta=meta, classes=layer.classes)
        return packed.getvalue()

    return answer(decoded)


def _run() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _run()
