"""Polygons as TopoJSON: the form in which world boundary sets are passed around."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ingest.layers.geojson_polygons import read_object, unreadable
from ingest.layers.polygons import PolygonLayer, RawFeature, build_layer, check_vertices

_WANTED = "a TopoJSON topology"
_Arc = Annotated[list[Annotated[list[float], Meta(min_length=2, max_length=3)]], Meta(min_length=2)]
_Pair = Annotated[list[float], Meta(min_length=2, max_length=2)]


class _Transform(Struct):
    """Grid to degrees."""

    scale: _Pair
    translate: _Pair


def decode_topology(
    payload: bytes, *, object_name: str, class_property: str | None = None
) -> PolygonLayer:
    """
    Decode the polygons of one object of a topology.

    Parameters
    ----------
    payload : bytes
        TopoJSON 1.0, quantised or not.
    object_name : str
        Key under ``objects``, such as ``countries``.
    class_property : str or None
        Property that names the class of each geometry; None puts all areas in one class.

    Returns
    -------
    PolygonLayer
        Units are the geometries of the object.

    Raises
    ------
    UnreadablePush
        Codes ``too-large``, ``json-unreadable``, ``too-many-features``, ``too-many-vertices``.

    References
    ----------
    The TopoJSON Format Specification 1.0, https://github.com/topojson/topojson-specification
    """
    document = read_object(payload, _WANTED)
    objects = document.get("objects")
    chosen = objects.get(object_name) if isinstance(objects, dict) else None
    if document.get("type") != "Topology" or not isinstance(chosen, dict):
        raise unreadable(f"The topology has no object {object_name[:60]!r}.", _WANTED)
    arcs = _arcs(document)
    geometries = chosen.get("geometries", [chosen])
    if not isinstance(geometries, list):
        raise unreadable("The object has no list of geometries.", _WANTED)
    return build_layer((_raw(geometry, arcs) for geometry in geometries), class_property)


class _Arcs:
    """
    The arcs of a topology in degrees, and how many vertices were taken from them.

    An arc may stand in any number of rings: without the count a small file could unfold to
    more vertices than memory holds.
    """

    def __init__(self, shapes: list[NDArray[np.float64]]) -> None:
        self._shapes = shapes
        self._taken = 0

    def ring(self, indices: list[int]) -> list[list[float]]:
        """Join arcs end to end; ``~i`` is arc i backwards."""
        ring: list[list[float]] = []
        for index in indices:
            arc = self._shapes[index] if index >= 0 else self._shapes[~index][::-1]
            self._taken += len(arc)
            check_vertices(self._taken)
            ring.extend(arc[1 if ring else 0 :].tolist())
        return ring


def _arcs(document: dict[str, object]) -> _Arcs:
    """All arcs in degrees."""
    try:
        arcs = msgspec.convert(document.get("arcs"), list[_Arc])
        transform = msgspec.convert(document.get("transform"), _Transform | None)
    except msgspec.ValidationError as error:
        raise unreadable("The arcs of the topology are malformed.", _WANTED) from error
    shapes = [np.array([p[:2] for p in arc], dtype=np.float64) for arc in arcs]
    if transform is None:
        return _Arcs(shapes)
    scale, origin = transform.scale, transform.translate
    return _Arcs([np.cumsum(arc, axis=0) * scale + origin for arc in shapes])


def _raw(geometry: object, arcs: _Arcs) -> RawFeature:
    """Take a geometry apart; arcs it names become rings."""
    if not isinstance(geometry, dict):
        return RawFeature(None, None, None)
    kind, properties = geometry.get("type"), geometry.get("properties")
    try:
        if kind == "Polygon":
            polygon = msgspec.convert(geometry.get("arcs"), list[list[int]])
            return RawFeature(kind, [arcs.ring(ring) for ring in polygon], properties)
        if kind == "MultiPolygon":
            polygons = msgspec.convert(geometry.get("arcs"), list[list[list[int]]])
            coordinates = [[arcs.ring(ring) for ring in polygon] for polygon in polygons]
            return RawFeature(kind, coordinates, properties)
    except (msgspec.ValidationError, IndexError):
        return RawFeature(kind, None, properties)
    return RawFeature(kind, None, properties)
