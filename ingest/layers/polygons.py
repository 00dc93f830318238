"""Polygons of classes: what every vector layer becomes, checked ring by ring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
import numpy as np
import shapely
from msgspec import Meta
from numpy.typing import NDArray

from ingest.admission import CONTROL
from ingest.reasons import refuse
from ingest.record import Warning_
from ingest.refusal import Refusal, UnreadablePush

FEATURES_MAX = 100_000
"""Features of one layer: more than any national wetland inventory of the region."""

VERTICES_MAX = 5_000_000
"""Vertices of one layer, 80 MB as coordinates; finer coasts gain nothing over GPS error."""

CLASS_MAX_CHARS = 200
"""Longest name of a class [characters]; the name of an area is cut there."""

ONE_CLASS = "inside"
"""Name of the class where no property names one."""

_Ring = list[Annotated[list[float], Meta(min_length=2, max_length=4)]]
_NAME_KEYS = ("name", "NAME", "Name", "ADMIN", "name_en")


@dataclass(frozen=True, slots=True)
class PolygonFeature:
    """
    One area.

    Attributes
    ----------
    class_index : int
        Index in `PolygonLayer.classes`.
    name : str or None
        Its own name, where the layer gives one.
    wkb : bytes
        MultiPolygon, valid, lon and lat in degrees (WGS 84).
    """

    class_index: int
    name: str | None
    wkb: bytes


@dataclass(frozen=True, slots=True)
class PolygonLayer:
    """A layer: ``units == len(features) + len(refusals)``, always; units are features as sent."""

    classes: list[str]
    features: list[PolygonFeature]
    refusals: list[Refusal]
    warnings: list[Warning_] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Features as sent."""
        return len(self.features) + len(self.refusals)


@dataclass(frozen=True, slots=True)
class RawFeature:
    """A feature before its checks: GeoJSON type, coordinates and properties, all untrusted."""

    kind: object
    coordinates: object
    properties: object


def build_layer(raw: Iterable[RawFeature], class_property: str | None) -> PolygonLayer:
    """
    Check features and put them together.

    Parameters
    ----------
    raw : iterable of RawFeature
        In the order of the file.
    class_property : str or None
        Property that names the class; None puts all areas in one class.

    Returns
    -------
    PolygonLayer
        Rings that cross themselves are repaired, and counted in one warning.

    Raises
    ------
    UnreadablePush
        Codes ``too-many-features``, ``too-many-vertices``.
    """
    classes: dict[str, int] = {}
    features: list[PolygonFeature] = []
    refusals: list[Refusal] = []
    repaired = vertices = 0
    for unit, feature in enumerate(raw, start=1):
        _check_features(unit)
        label, name = _label(feature.properties, class_property), _name(feature.properties)
        area = _name_fault(label, name) or _area(feature)
        if isinstance(area, str):
            refusals.append(refuse(unit, str(feature.properties)[:400], area))
            continue
        vertices += int(shapely.get_num_coordinates(area))
        check_vertices(vertices)
        valid = bool(shapely.is_valid(area))
        whole = area if valid else _repaired(area)
        if whole.is_empty:
            refusals.append(refuse(unit, str(feature.properties)[:400], "geometry-empty"))
            continue
        repaired += not valid
        index = classes.setdefault(label, len(classes))
        features.append(PolygonFeature(index, name, shapely.to_wkb(whole)))
    detail = f"{repaired} feature(s) crossed themselves and were repaired."
    warnings = [Warning_("geometry-repaired", detail)] if repaired else []
    return PolygonLayer(list(classes), features, refusals, warnings)


def _check_features(count: int) -> None:
    if count > FEATURES_MAX:
        raise UnreadablePush(
            "too-many-features",
            f"The layer holds more than {FEATURES_MAX:,} features.",
            "Dissolve features of one class, or send the layer in parts.",
        )


def check_vertices(count: int) -> None:
    """Refuse a layer of too many vertices."""
    if count > VERTICES_MAX:
        raise UnreadablePush(
            "too-many-vertices",
            f"The layer holds more than {VERTICES_MAX:,} vertices.",
            "Simplify the polygons, or send the layer in parts.",
        )


def _label(properties: object, class_property: str | None) -> str:
    """Class of a feature; empty where it names none."""
    if class_property is None:
        return ONE_CLASS
    value = properties.get(class_property) if isinstance(properties, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _name(properties: object) -> str | None:
    """Name of a feature, from the first of the usual keys that holds one."""
    if not isinstance(properties, dict):
        return None
    values = (properties.get(key) for key in _NAME_KEYS)
    return next(
        (value[:CLASS_MAX_CHARS] for value in values if value and isinstance(value, str)), None
    )


def _name_fault(label: str, name: str | None) -> str:
    """Why a feature can't be named so, or an empty string."""
    if not label:
        return "class-missing"
    if len(label) > CLASS_MAX_CHARS:  # cut, it could be another class
        return "name-too-long"
    return "control-character" if re.search(CONTROL, f"{label}{name or ''}") else ""


def _area(feature: RawFeature) -> shapely.MultiPolygon | str:
    """Geometry of a feature, or the code of its refusal."""
    try:
        if feature.kind == "Polygon":
            polygons = [msgspec.convert(feature.coordinates, list[_Ring])]
        elif feature.kind == "MultiPolygon":
            polygons = msgspec.convert(feature.coordinates, list[list[_Ring]])
        else:
            return "geometry-type"
    except (msgspec.ValidationError, RecursionError):
        return "geometry-malformed"
    parts: list[shapely.Polygon] = []
    for polygon in polygons:
        rings = [_ring(ring) for ring in polygon]
        code = next((ring for ring in rings if isinstance(ring, str)), "")
        if code or not rings:
            return code or "geometry-malformed"
        shell, *holes = (ring for ring in rings if not isinstance(ring, str))
        parts.append(shapely.Polygon(shell, holes))
    return shapely.MultiPolygon(parts) if parts else "geometry-malformed"


def _ring(positions: _Ring) -> NDArray[np.float64] | str:
    """Vertices of a ring, or the code of its refusal."""
    ring = np.array([position[:2] for position in positions], dtype=np.float64)
    if len(ring) < 4 or not np.array_equal(ring[0], ring[-1]):
        return "geometry-malformed"
    if not np.isfinite(ring).all():
        return "coordinate-not-a-number"
    if np.abs(ring[:, 1]).max() > 90:
        return "latitude-out-of-range"
    if np.abs(ring[:, 0]).max() > 180:
        return "longitude-out-of-range"
    return ring


def _repaired(area: shapely.MultiPolygon) -> shapely.MultiPolygon:
    """Make an area valid; lines and points that repair leaves over are dropped."""
    return shapely.MultiPolygon(
        list(_polygons(shapely.make_valid(area, method="structure", keep_collapsed=False)))
    )


def _polygons(geometry: shapely.Geometry) -> Iterable[shapely.Polygon]:
    for part in shapely.get_parts(shapely.get_parts(geometry)):
        if isinstance(part, shapely.Polygon) and part.area > 0:
            yield part
