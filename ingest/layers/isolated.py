"""GeoTIFF decoding in a child process: what GDAL does to it can't reach the caller."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np

import ingest
from ingest.layers.geotiff import RasterLayer, RasterMeta
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
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "ingest.layers.geotiff"],
            input=payload,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            # Nothing else of the environment: no secret of the caller reaches the child.
            env={"PYTHONPATH": _FOLDER_OF_PACKAGE, "POLARS_MAX_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise _died(f"took longer than {timeout_s:g} s") from error
    if child.returncode == 1:
        raise _problem(child.stderr)
    if child.returncode != 0:
        raise _died(f"ended with {child.returncode}")
    with np.load(io.BytesIO(child.stdout), allow_pickle=False) as packed:
        meta = msgspec.json.decode(packed["meta"].tobytes(), type=RasterMeta)
        return RasterLayer(meta, packed["classes"])


def _problem(text: bytes) -> UnreadablePush:
    """Read the refusal the child wrote, after whatever else stands on its stderr."""
    try:
        found = msgspec.json.decode(text[text.rfind(b'{"code"') :], type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _died("failed")
    return UnreadablePush(found.code, found.detail, found.remedy)


def _died(how: str) -> UnreadablePush:
    return UnreadablePush(
        "raster-unreadable",
        f"The decoder of the raster {how}.",
        "Send a smaller, plain GeoTIFF, as gdal_translate -of GTiff writes it.",
    )
