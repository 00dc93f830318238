"""Coordinates of other reference systems, brought to longitude and latitude of WGS 84."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from ingest.refusal import UnreadablePush

WKT_MAX_CHARS = 65_536
"""Longest definition that is read [characters]; those of national grids have two thousand."""

TURN_MAX_DEG = 180.0
"""An edge that spans more longitude came round the other side of the antimeridian."""

Shaper = Callable[[shapely.Geometry], "shapely.Geometry | str"]


def transformer(definition: str) -> Transformer | None:
    """
    Return what brings coordinates to longitude and latitude of WGS 84; None where they are that.

    Parameters
    ----------
    definition : str
        WKT, or ``EPSG:<code>``. Axes are taken as x, y (longitude first), as GeoPackage and
        Shapefile store them whatever the definition says.

    Raises
    ------
    UnreadablePush
        Code ``crs-unsupported``: no definition, one that can't be read, or one that ties its
        coordinates to no place on the earth.
    """
    if len(definition) > WKT_MAX_CHARS:
        raise unsupported("is longer than any that is known")
    try:
        crs = CRS.from_user_input(definition)
        if not (crs.is_geographic or crs.is_projected or crs.is_compound):
            raise unsupported("ties its coordinates to no place on the earth")
        if crs.to_epsg() == 4326:
            return None
        return Transformer.from_crs(crs, 4326, always_xy=True)
    except ProjError as error:
        raise unsupported("can't be read") from error


def to_wgs84(definition: str) -> Shaper:
    """
    Return what brings a geometry to WGS 84: a geometry, or the code of a refusal.

    The definition is read, and refused, as `transformer` does.

    Examples
    --------
    >>> where = to_wgs84("EPSG:3857")(shapely.Point(12_245_143.99, 4_865_942.28))
    >>> shapely.get_coordinates(where).round(6).tolist()
    [[110.0, 40.0]]
    >>> to_wgs84("EPSG:4326")(shapely.Point(110, 40)).wkt
    'POINT (110 40)'
    """
    leads = transformer(definition)
    if leads is None:
        return lambda shape: shape

    def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(leads.transform(xy[:, 0], xy[:, 1]))

    def shaped(shape: shapely.Geometry) -> shapely.Geometry | str:
        found = shapely.transform(shapely.force_2d(shape), moved)
        lon, ring = shapely.get_coordinates(shapely.get_rings(found), return_index=True)
        turn = np.abs(np.diff(lon[:, 0]))[ring[1:] == ring[:-1]]
        return "across-antimeridian" if (turn > TURN_MAX_DEG).any() else found

    return shaped


def unsupported(why: str) -> UnreadablePush:
    """Make the problem of a layer whose coordinates can't be placed."""
    return UnreadablePush(
        "crs-unsupported",
        f"The coordinate system of the layer {why}.",
        "Reproject the layer to EPSG:4326: ogr2ogr -t_srs EPSG:4326.",
    )
