"""Polygons of classes: what every vector layer becomes, checked ring by ring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
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
NAME_KEYS = ("name", "NAME", "Name", "ADMIN", "name_en")


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
    designated_on : date or None
        Since when it is what its class says, where the layer tells.
    """

    class_index: int
    name: str | None
    wkb: bytes
    designated_on: date | None = None


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


@dataclass(frozen=True, slots=True)
class ShapedFeature:
    """A feature of a binary layer: its geometry in degrees, or the code of its refusal."""

    shape: shapely.Geometry | str
    properties: dict[str, object]


def build_layer(
    raw: Iterable[RawFeature | ShapedFeature],
    class_property: str | None,
    date_property: str | None = None,
) -> PolygonLayer:
    """
    Check features and put them together.

    Parameters
    ----------
    raw : iterable of RawFeature or ShapedFeature
        In the order of the file.
    class_property : str or None
        Property that names the class; None puts all areas in one class.
    date_property : str or None
        Property that tells since when an area is what its class says (`designated_on`).

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
        since = designated_on(feature.properties, date_property)
        area = _name_fault(label, name) or (since if isinstance(since, str) else _area(feature))
        if isinstance(area, str) or isinstance(since, str):
            refusals.append(refuse(unit, str(feature.properties)[:400], str(area)))
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
        features.append(PolygonFeature(index, name, shapely.to_wkb(whole), since))
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
    values = (properties.get(key) for key in NAME_KEYS)
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


def designated_on(properties: object, date_property: str | None) -> date | str | None:
    """
    Since when a feature is what its class says, None where it does not tell, or a refusal's code.

    A year alone counts from its last day: before, nobody can say. 0 stands for unknown, as in the
    World Database on Protected Areas (``STATUS_YR``).

    Examples
    --------
    >>> designated_on({"since": "1999-07-21"}, "since"), designated_on({"since": 1999}, "since")
    (datetime.date(1999, 7, 21), datetime.date(1999, 12, 31))
    >>> designated_on({"since": 0}, "since"), designated_on({"since": "soon"}, "since")
    (None, 'date-unreadable')
    """
    value = properties.get(date_property) if isinstance(properties, dict) and date_property else ""
    if isinstance(value, date):
        return value
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    text = text.strip()[:10].replace("/", "-")
    if re.fullmatch("0+", text):
        return None
    try:
        whole = f"{text}-12-31" if re.fullmatch("[0-9]{4}", text) else text
        return date.fromisoformat(whole)
    except ValueError:
        return "date-unreadable"


def _area(feature: RawFeature | ShapedFeature) -> shapely.MultiPolygon | str:
    """Geometry of a feature, or the code of its refusal."""
    if isinstance(feature, ShapedFeature):
        return feature.shape if isinstance(feature.shape, str) else _shaped(feature.shape)
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


def _shaped(shape: shapely.Geometry) -> shapely.MultiPolygon | str:
    """Polygons of a geometry that came whole, or the code of its refusal."""
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon):
        return "geometry-type"
    if shape.is_empty:
        return "geometry-empty"
    code = _place_fault(shapely.get_coordinates(shape))
    return code or shapely.MultiPolygon([*shapely.get_parts(shapely.force_2d(shape))])


def _ring(positions: _Ring) -> NDArray[np.float64] | str:
    """Vertices of a ring, or the code of its refusal."""
    ring = np.array([position[:2] for position in positions], dtype=np.float64)
    if len(ring) < 4 or not np.array_equal(ring[0], ring[-1]):
        return "geometry-malformed"
    return _place_fault(ring) or ring


def _place_fault(lonlat: NDArray[np.float64]) -> str:
    """Why places are none on the earth, or an empty string."""
    if not np.isfinite(lonlat).all():
        return "coordinate-not-a-number"
    if np.abs(lonlat[:, 1]).max() > 90:
        return "latitude-out-of-range"
    return "longitude-out-of-range" if np.abs(lonlat[:, 0]).max() > 180 else ""


def _repaired(area: shapely.MultiPolygon) -> shapely.MultiPolygon:
    """Make an area valid; lines and points that repair leaves over are dropped."""
    return shapely.MultiPolygon(
        list(_polygons(shapely.make_valid(area, method="structure", keep_collapsed=False)))
    )


def _polygons(geometry: shapely.Geometry) -> Iterable[shapely.Polygon]:
    for part in shapely.get_parts(shapely.get_parts(geometry)):
        if isinstance(part, shapely.Polygon) and part.area > 0:
            yield part
