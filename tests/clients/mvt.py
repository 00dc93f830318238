"""Vector tiles as GDAL reads them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pyogrio
import shapely
from pyproj import Transformer

_LONLAT = Transformer.from_crs(3857, 4326, always_xy=True)


@dataclass(frozen=True)
class Feature:
    """One feature of a tile: its shape in Web Mercator and what it says."""

    shape: shapely.Geometry
    properties: dict[str, Any]

    def lonlat_bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north [degrees]."""
        return _LONLAT.transform_bounds(*self.shape.bounds)


def features(body: bytes, spot: tuple[int, int, int]) -> list[Feature]:
    """Decode a tile; its place is told by its path, as on any server."""
    if not body:
        return []
    z, x, y = spot
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / str(z) / str(x) / f"{y}.pbf"
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
        (layer,) = pyogrio.list_layers(path)[:, 0]
        meta, _, shapes, columns = pyogrio.raw.read(path, layer=layer)
    return [
        Feature(
            shapely.from_wkb(shape),
            {name: column[row] for name, column in zip(meta["fields"], columns, strict=True)},
        )
        for row, shape in enumerate(shapes)
    ]


def fetched(url: str, spot: tuple[int, int, int]) -> list[Feature]:
    """Decode the tile at an address."""
    answer = httpx2.get(url)
    assert answer.status_code == 200
    return features(answer.content, spot)
