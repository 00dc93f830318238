"""
Hostile layers as data: a recipe of bytes, and the codes they must get.

The code of a whole push stands after ``!``; codes without are of refused units; nothing means
that all is read, for what looks hostile and is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from affine import Affine

from tests.ingest.layers.test_geotiff import CELLS, CLARKE, tiff
from tests.ingest.layers.test_topojson import TOPOLOGY

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
_KIND = {"kind": "marsh"}


def areas(*geometries: object, properties: object = _KIND, **members: object) -> bytes:
    """A layer of polygons, of which the class is `kind`."""
    features = [{"type": "Feature", "properties": properties, "geometry": g} for g in geometries]
    return json.dumps({"type": "FeatureCollection", "features": features} | members).encode()


def polygon(*rings: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def moved(*points: list[float]) -> list[list[float]]:
    """The square with its first corners at other places, closed."""
    made: list[Any] = [*points, *SQUARE[len(points) : -1]]
    return [*made, made[0]]


def crs(name: object) -> dict[str, object]:
    return {"crs": {"type": "name", "properties": {"name": name}}}


_DEEP = "[" * 1_500 + "]" * 1_500

POLYGONS: Mapping[str, tuple[bytes, str]] = {
    **{
        f"a {kind}": (areas({"type": kind, "coordinates": [0, 0]}), "geometry-type")
        for kind in ("Point", "LineString", "GeometryCollection", "polygon", "Curve", "")
    },
    **{
        f"rings {str(rings)[:40]}": (
            areas({"type": "Polygon", "coordinates": rings}),
            "geometry-malformed",
        )
        for rings in (
            None,
            "x",
            7,
            {},
            [],
            [[]],
            [7],
            [["a"]],
            [[[0]]],
            [[[0, 0]]],
            [[[0, 0], [1, 1], [0, 0]]],
            [SQUARE[:-1]],
            [[[0, 0, 0, 0, 0]] * 4],
            [[["0", "0"]] * 4],
            [[[True, False]] * 4],
            [[[None, 0]] * 4],
            [[{"x": 0}] * 4],
            [SQUARE, []],
            [SQUARE, 7],
        )
    },
    "several rings of nothing": (
        areas({"type": "MultiPolygon", "coordinates": [[]]}),
        "geometry-malformed",
    ),
    "several polygons of nothing": (
        areas({"type": "MultiPolygon", "coordinates": []}),
        "geometry-malformed",
    ),
    "no geometry": (areas(None), "geometry-type"),
    "a geometry that is text": (areas("POLYGON((0 0))"), "geometry-type"),
    "north of the pole": (areas(polygon(moved([0, 91]))), "latitude-out-of-range"),
    "axes swapped": (areas(polygon(moved([35, 127]))), "latitude-out-of-range"),
    "in metres": (areas(polygon(moved([500_000, 0]))), "longitude-out-of-range"),
    "past the antimeridian": (areas(polygon(moved([180.001, 0]))), "longitude-out-of-range"),
    "too large for a float": (areas(polygon(moved([1e308, 0]))), "longitude-out-of-range"),
    "a line and back": (areas(polygon([[0, 0], [1, 0], [0, 0], [0, 0]])), "geometry-empty"),
    "one place four times": (areas(polygon([[1, 1]] * 4)), "geometry-empty"),
    "a hole that takes all": (areas(polygon(SQUARE, SQUARE)), "geometry-empty"),
    "a bow tie": (areas(polygon([[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]])), ""),
    "no properties": (areas(polygon(SQUARE), properties=None), "class-missing"),
    "properties that are a list": (areas(polygon(SQUARE), properties=[]), "class-missing"),
    "a class that is blank": (areas(polygon(SQUARE), properties={"kind": " "}), "class-missing"),
    "a class that is true": (areas(polygon(SQUARE), properties={"kind": True}), "class-missing"),
    "a class that is an object": (areas(polygon(SQUARE), properties={"kind": {}}), "class-missing"),
    "a class too long": (areas(polygon(SQUARE), properties={"kind": "x" * 201}), "name-too-long"),
    "a class of control": (
        areas(polygon(SQUARE), properties={"kind": "a\0b"}),
        "control-character",
    ),
    "a name of control": (
        areas(polygon(SQUARE), properties={"kind": "a", "name": "\x1b[2J"}),
        "control-character",
    ),
    "features that are no objects": (
        b'{"type":"FeatureCollection","features":[1,"a",null,[]]}',
        "class-missing " * 3 + "class-missing",
    ),
    "no collection": (b'{"type":"Feature"}', "!json-unreadable"),
    "features that are no list": (
        b'{"type":"FeatureCollection","features":{}}',
        "!json-unreadable",
    ),
    "a list": (b"[]", "!json-unreadable"),
    "nothing": (b"", "!json-unreadable"),
    "cut": (areas(polygon(SQUARE))[:-9], "!json-unreadable"),
    "not UTF-8": (areas(polygon(SQUARE)).replace(b"marsh", b"\xff"), "!json-unreadable"),
    "NaN": (areas(polygon(SQUARE)).replace(b"[2, 0]", b"[NaN, 0]"), "!json-unreadable"),
    "nested too deep": (
        b'{"type":"FeatureCollection","features":' + _DEEP.encode() + b"}",
        "!json-unreadable",
    ),
    "a shapefile": (b"\0\0\x27\x0a" + b"\0" * 96, "!json-unreadable"),
    "in Web Mercator": (areas(polygon(SQUARE), **crs("EPSG:3857")), "!crs-unsupported"),
    "in another EPSG": (
        areas(polygon(SQUARE), **crs("urn:ogc:def:crs:EPSG::14326")),
        "!crs-unsupported",
    ),
    "in a CRS that is a number": (areas(polygon(SQUARE), **crs(4326)), "!crs-unsupported"),
    "in a CRS that is a list": (areas(polygon(SQUARE), crs=[]), "!crs-unsupported"),
    "in CRS84": (areas(polygon(SQUARE), **crs("urn:ogc:def:crs:OGC:1.3:CRS84")), ""),
}


def topology(**change: object) -> bytes:
    return json.dumps(TOPOLOGY | change).encode()


def of_arcs(arcs: object, kind: str = "Polygon") -> dict[str, object]:
    return {"lands": {"type": kind, "arcs": arcs, "properties": {"name": "a"}}}


TOPOLOGIES: Mapping[str, tuple[bytes, str]] = {
    **{
        f"arcs {str(arcs)[:30]}": (topology(objects=of_arcs(arcs)), "geometry-malformed")
        for arcs in (
            None,
            "x",
            [],
            [[]],
            [0],
            [[9]],
            [[-9]],
            [[0.5]],
            [["0"]],
            [[[0]]],
            [[True]],
            [[0]],
        )
    },
    "a point": (topology(objects=of_arcs([[0]], "Point")), "geometry-type"),
    "no topology": (topology(type="FeatureCollection"), "!json-unreadable"),
    "no such object": (topology(objects={"seas": {}}), "!json-unreadable"),
    "objects that are a list": (topology(objects=[]), "!json-unreadable"),
    "geometries that are none": (
        topology(objects={"lands": {"geometries": 7}}),
        "!json-unreadable",
    ),
    "arcs that are none": (topology(arcs=7), "!json-unreadable"),
    "an arc of one point": (topology(arcs=[[[0, 0]]]), "!json-unreadable"),
    "an arc of words": (topology(arcs=[[["a", "b"], ["c", "d"]]]), "!json-unreadable"),
    "a scale that is none": (
        topology(transform={"scale": [1], "translate": [0, 0]}),
        "!json-unreadable",
    ),
    "a scale too large": (
        topology(transform={"scale": [1e300, 1e300], "translate": [0, 0]}),
        "latitude-out-of-range latitude-out-of-range",
    ),
}


@cache
def rasters() -> Mapping[str, tuple[bytes, str]]:
    """GeoTIFF files, each with the code of the push: GDAL writes them, so not at import."""
    wide = Affine(0.5, 0, 116, 0, -0.5, 40)
    return {
        "nothing": (b"", "!raster-unreadable"),
        "four bytes": (b"II*\0", "!raster-unreadable"),
        "a PNG": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "!raster-unreadable"),
        "cut in its head": (tiff()[:40], "!raster-unreadable"),
        "a header that points past the end": (
            b"II*\0\xff\xff\xff\x7f" + b"\0" * 64,
            "!raster-unreadable",
        ),
        "a header that points to itself": (b"II*\0\x08\0\0\0" + b"\0" * 64, "!raster-unreadable"),
        "a virtual raster": (
            b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
            "!raster-unreadable",
        ),
        "cut in its cells": (tiff(compress="deflate")[:-8], "!raster-unreadable"),
        "three bands": (tiff(CELLS[None].repeat(3, axis=0)), "!raster-bands"),
        "of floats": (tiff(CELLS.astype("float32"), nodata=None), "!raster-type"),
        "of complex numbers": (tiff(CELLS.astype("complex64"), nodata=None), "!raster-type"),
        "no CRS": (tiff(crs=None), "!crs-unsupported"),
        "in metres": (tiff(crs="EPSG:32651"), "!crs-unsupported"),
        "rotated": (tiff(transform=wide @ Affine.rotation(10)), "!raster-rotated"),
        "south up": (tiff(transform=Affine(0.5, 0, 116, 0, 0.5, 40)), "!raster-bounds"),
        "past the pole": (tiff(transform=Affine(0.5, 0, 116, 0, -0.5, 95)), "!raster-bounds"),
        "past the antimeridian": (
            tiff(transform=Affine(90, 0, 116, 0, -0.5, 40)),
            "!raster-bounds",
        ),
        "cells of no number": (
            tiff(transform=Affine(float("nan"), 0, 0, 0, -1, 0)),
            "!raster-rotated",
        ),
        "on another ellipsoid": (tiff(crs=CLARKE), ""),
    }


def layers() -> Iterator[tuple[str, str, bytes, str]]:
    """Yield reader, name, payload and codes of every layer."""
    for reader, table in (("polygons", POLYGONS), ("topology", TOPOLOGIES), ("geotiff", rasters())):
        for name, (payload, code) in table.items():
            yield reader, name, payload, code
