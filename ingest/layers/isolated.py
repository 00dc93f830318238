"""Binary layers decoded in a child process: what they do to it can't reach the caller."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

import ingest
from ingest.layers.polygons import PolygonLayer
from ingest.layers.raster import RasterLayer, RasterMeta
from ingest.layers.wanted import Wanted
from ingest.refusal import UnreadablePush

_FOLDER_OF_PACKAGE = str(Path(ingest.__file__).parents[1])


class _Problem(msgspec.Struct):
    code: str
    detail: str
    remedy: str


def decode_geotiff_in_child(payload: bytes, timeout_s: float) -> RasterLayer:
    """
    Decode a GeoTIFF in a process of its own, limited in memory, time and files.

    Parameters
    ----------
    payload : bytes
        The file.
    timeout_s : float
        Longest time the child may take [s]; it is killed then.

    Returns
    -------
    RasterLayer

    Raises
    ------
    UnreadablePush
        Codes of `ingest.layers.geotiff.decode_geotiff`, and ``raster-unreadable`` where the
        child dies or takes too long.
    """
    packed = _told(["ingest.layers.geotiff"], payload, timeout_s, _raster_died)
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        meta = msgspec.json.decode(found["meta"].tobytes(), type=RasterMeta)
        return RasterLayer(meta, found["classes"])


def decode_vector_in_child(payload: bytes, wanted: Wanted, timeout_s: float) -> PolygonLayer:
    """
    Decode a GeoPackage or zipped Shapefile in such a process.

    Parameters
    ----------
    payload : bytes
        The file.
    wanted : Wanted
        What to read of it.
    timeout_s : float
        Longest time the child may take [s].

    Returns
    -------
    PolygonLayer

    Raises
    ------
    UnreadablePush
        Codes of `ingest.layers.vector.decode_vector`, and ``layer-unreadable`` where the child
        dies or takes too long.
    """
    asked = msgspec.json.encode(wanted).decode()
    packed = _told(["ingest.layers.vector", asked], payload, timeout_s, _vector_died)
    return msgspec.msgpack.decode(packed, type=PolygonLayer)


def _told(
    words: list[str], payload: bytes, timeout_s: float, died: Callable[[str], UnreadablePush]
) -> bytes:
    """Return what a child says of a file."""
    try:
        child = subprocess.run(  # noqa: S603 - our own module; what is asked of it is JSON
            [sys.executable, "-P", "-m", *words],
            input=payload,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            # Nothing else of the environment: no secret of the caller reaches the child.
            env={"PYTHONPATH": _FOLDER_OF_PACKAGE, "POLARS_MAX_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise died(f"took longer than {timeout_s:g} s") from error
    if child.returncode == 1:
        raise _problem(child.stderr) or died("failed")
    if child.returncode != 0:
        raise died(f"ended with {child.returncode}")
    return child.stdout


def _problem(text: bytes) -> UnreadablePush | None:
    """Read the refusal the child wrote, after whatever else stands on its stderr."""
    try:
        found = msgspec.json.decode(text[text.rfind(b'{"code"') :], type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return UnreadablePush(found.code, found.detail, found.remedy)


def _raster_died(how: str) -> UnreadablePush:
    return UnreadablePush(
        "raster-unreadable",
        f"The decoder of the raster {how}.",
        "Send a smaller, plain GeoTIFF, as gdal_translate -of GTiff writes it.",
    )


def _vector_died(how: str) -> UnreadablePush:
    return UnreadablePush(
        "layer-unreadable",
        f"The decoder of the layer {how}.",
        "Send fewer and simpler polygons, in a file that ogr2ogr has written.",
    )
