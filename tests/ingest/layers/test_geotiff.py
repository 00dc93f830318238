from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from ingest import UnreadablePush
from ingest.layers.geotiff import decode_geotiff
from ingest.layers.isolated import decode_geotiff_in_child

CELLS = np.array([[1, 1, 2], [255, 2, 3]], dtype=np.uint8)
CLARKE = "+proj=longlat +ellps=clrk66 +no_defs"


def tiff(cells: NDArray[np.generic] = CELLS, driver: str = "GTiff", **change: object) -> bytes:
    bands = cells if cells.ndim == 3 else cells[np.newaxis]
    profile = {
        "driver": driver,
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": "EPSG:4326",
        "transform": Affine(0.5, 0, 116, 0, -0.5, 40),
        "nodata": 255,
    } | change
    with MemoryFile() as file:
        with file.open(**profile) as dataset:
            dataset.write(bands)
        return bytes(file.read())


def code(payload: bytes) -> str:
    with pytest.raises(UnreadablePush) as caught:
        decode_geotiff(payload)
    assert caught.value.remedy
    return caught.value.code


def test_classes_and_grid() -> None:
    layer = decode_geotiff(tiff())
    assert np.array_equal(layer.classes, CELLS)
    meta = layer.meta
    assert (meta.width, meta.height, meta.nodata, meta.dtype) == (3, 2, 255, "uint8")
    assert meta.classes == [1, 2, 3]
    assert meta.transform == (0.5, 0, 116, 0, -0.5, 40)
    assert meta.crs_note == "EPSG:4326"
    assert meta.cell_size_m == pytest.approx(55_660)


def test_clarke_1866_degrees_are_taken_as_wgs84_and_said_so() -> None:
    assert "taken as EPSG:4326" in decode_geotiff(tiff(crs=CLARKE)).meta.crs_note


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"crs": "EPSG:32651"}, "crs-unsupported"),
        ({"crs": None}, "crs-unsupported"),
        ({"transform": Affine(0.5, 0.1, 116, 0.1, -0.5, 40)}, "raster-rotated"),
        ({"transform": Affine(0.5, 0, 116, 0, 0.5, 40)}, "raster-bounds"),
        ({"transform": Affine(0.5, 0, 179.5, 0, -0.5, 40)}, "raster-bounds"),
        ({"transform": Affine(0.5, 0, 116, 0, -0.5, 91)}, "raster-bounds"),
        ({"cells": np.zeros((2, 2, 2), np.uint8)}, "raster-bands"),
        ({"cells": np.zeros((2, 2), np.float32)}, "raster-type"),
        ({"cells": np.arange(300, dtype=np.int16).reshape(20, 15)}, "raster-classes"),
        ({"driver": "PNG", "crs": None, "transform": None}, "raster-unreadable"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_each_fault_has_its_code(change: dict[str, object], expected: str) -> None:
    assert code(tiff(**change)) == expected  # type: ignore[arg-type]  # cases are mixed


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.layers.geotiff.CELLS_MAX", 5)
    assert code(tiff()) == "too-large"
    monkeypatch.setattr("ingest.layers.geotiff.PAYLOAD_MAX_BYTES", 10)
    assert code(tiff()) == "too-large"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"II*\0",
        b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
        b"/etc/passwd",
        b"<GDAL_WMS></GDAL_WMS>",
    ],
)
def test_what_is_no_geotiff_is_told(payload: bytes) -> None:
    assert code(payload) == "raster-unreadable"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_damaged_rasters_are_read_or_told() -> None:
    rng = random.Random(3)
    whole = tiff()
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            layer = decode_geotiff(bytes(damaged[: rng.randrange(len(damaged) + 1)]))
        except UnreadablePush:
            continue
        assert layer.classes.shape == (layer.meta.height, layer.meta.width)


def test_the_child_gives_the_same() -> None:
    layer = decode_geotiff_in_child(tiff(), timeout_s=60)
    assert np.array_equal(layer.classes, CELLS)
    assert layer.meta == decode_geotiff(tiff()).meta


def test_the_child_hands_on_its_refusal_and_its_end() -> None:
    for payload, timeout_s, text in (
        (tiff(crs="EPSG:32651"), 60.0, "longitude-latitude"),
        (tiff(), 0.01, "longer than"),
    ):
        with pytest.raises(UnreadablePush) as caught:
            decode_geotiff_in_child(payload, timeout_s=timeout_s)
        assert text in caught.value.detail


def test_real_land_cover(real: Callable[[str], bytes]) -> None:
    payload = real("habitat/landcover/MCD12C1_2019_neasia_clip.tif")
    layer = decode_geotiff_in_child(payload, timeout_s=60)
    assert layer.classes.shape == (900, 1800)
    assert layer.meta.classes == list(range(17))
    assert int(np.sum(layer.classes == 11)) == 5_240  # cells of permanent wetland
