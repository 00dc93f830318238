"""Polygons as TopoJSON: the form in which world boundary sets are passed around."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import shapely
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ingest.layers.geojson_polygons import read_object, unreadable
from ingest.layers.polygons import PolygonLayer, RawFeature, build_layer, check_vertices
from ingest.layers.projection import TURN_MAX_DEG

_WANTED = "a TopoJSON topology"
RING_MIN = 4
"""Vertices of the smallest ring, which ends where it begins."""
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
            parts = cut([arcs.ring(ring) for ring in polygon])
            return RawFeature("MultiPolygon", parts, properties)
        if kind == "MultiPolygon":
            polygons = msgspec.convert(geometry.get("arcs"), list[list[list[int]]])
            parts = [part for each in polygons for part in cut([arcs.ring(ring) for ring in each])]
            return RawFeature(kind, parts, properties)
    except (msgspec.ValidationError, IndexError):
        return RawFeature(kind, None, properties)
    return RawFeature(kind, None, properties)


def cut(rings: list[list[list[float]]]) -> list[list[list[list[float]]]]:
    """
    Cut a polygon where its rings step over the antimeridian: topologies run on over it.

    Read as a plane's, the step would go round the world and turn a strip of land into sea. A
    polygon that encloses a pole is left as it is, and so is one with too few vertices to be any.

    Parameters
    ----------
    rings : list of rings
        Outline and holes, each of (lon, lat) [degrees].

    Returns
    -------
    list of polygons
        The same area within -180..180; the polygon itself where nothing steps over.

    Examples
    --------
    >>> over = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]]
    >>> sorted(shapely.Polygon(*part).bounds for part in cut([over]))
    [(-180.0, 0.0, -179.0, 1.0), (179.0, 0.0, 180.0, 1.0)]
    """
    runs = [np.array(ring) for ring in rings if len(ring) >= RING_MIN]
    if not all((np.abs(ring) <= 2 * TURN_MAX_DEG).all() for ring in runs):
        return [rings]  # no places: refused when the layer is built
    if len(runs) != len(rings) or not any(
        (np.abs(np.diff(ring[:, 0])) > TURN_MAX_DEG).any() for ring in runs
    ):
        return [rings]
    for ring in runs:
        ring[:, 0] = np.unwrap(ring[:, 0], period=2 * TURN_MAX_DEG)
    if any(ring[0, 0] != ring[-1, 0] for ring in runs):
        return [rings]
    middle = runs[0][:, 0].mean()
    for hole in runs[1:]:  # a hole beyond the meridian is on the outline's own side of it
        hole[:, 0] += 2 * TURN_MAX_DEG * round((middle - hole[:, 0].mean()) / (2 * TURN_MAX_DEG))
    whole = shapely.make_valid(shapely.Polygon(runs[0], runs[1:]), method="structure")
    parts: list[list[list[list[float]]]] = []
    for west in (-3 * TURN_MAX_DEG, -TURN_MAX_DEG, TURN_MAX_DEG):
        side = shapely.intersection(whole, shapely.box(west, -90, west + 2 * TURN_MAX_DEG, 90))
        moved = shapely.transform(side, lambda xy, west=west: xy - [west + TURN_MAX_DEG, 0])
        parts += [
            [shapely.get_coordinates(ring).tolist() for ring in (each.exterior, *each.interiors)]
            for each in shapely.get_parts(moved)
            if isinstance(each, shapely.Polygon) and not each.is_empty
        ]
    return parts
