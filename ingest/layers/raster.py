"""What a raster of classes is; whoever keeps one needs no GDAL."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray


class RasterMeta(msgspec.Struct, frozen=True):
    """
    What is known of a raster beside its cells.

    Attributes
    ----------
    width, height : int
        Cells east and south.
    transform : tuple of 6 float
        Affine a, b, c, d, e, f: lon = a * column + c, lat = e * row + f at cell corners.
    crs_note : str
        How the declared coordinates were taken.
    dtype : str
        Type of the cells.
    nodata : int or None
        Class that means "not known".
    classes : list of int
        Classes present, without `nodata`, ascending.
    cell_size_m : float
        Longer edge of the middle cell [m].
    """

    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]
    crs_note: str
    dtype: str
    nodata: int | None
    classes: list[int]
    cell_size_m: float


@dataclass(frozen=True, slots=True)
class RasterLayer:
    """A raster: `classes` is an integer ndarray, shape (height, width), north up."""

    meta: RasterMeta
    classes: NDArray[np.integer]
