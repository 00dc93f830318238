"""Habitat polygons as GeoJSON (RFC 7946)."""

from __future__ import annotations

import re

import msgspec

from ingest.layers.polygons import PolygonLayer, RawFeature, build_layer
from ingest.refusal import UnreadablePush

PAYLOAD_MAX_BYTES = 268_435_456
"""Largest file [bytes]: 256 MiB of text hold more vertices than a layer may."""

_LON_LAT = re.compile(r"(?:\bCRS84|\bEPSG:(?:[0-9.]*:)?4326)$", re.IGNORECASE)
"""Ends the names of longitude and latitude of WGS 84: OGC:1.3:CRS84, EPSG:4326, EPSG::4326."""


def decode_polygons(
    payload: bytes, *, class_property: str | None = None, date_property: str | None = None
) -> PolygonLayer:
    """
    Decode a FeatureCollection of polygons.

    Parameters
    ----------
    payload : bytes
        UTF-8. A ``crs`` member, which RFC 7946 dropped, is accepted when it names CRS84.
    class_property : str or None
        Property that names the class of each feature; None puts all areas in one class.
    date_property : str or None
        Property that tells since when a feature is of its class.

    Returns
    -------
    PolygonLayer
        Units are features; each is kept or refused by its number.

    Raises
    ------
    UnreadablePush
        Codes ``too-large``, ``json-unreadable``, ``crs-unsupported``, ``too-many-features``,
        ``too-many-vertices``.

    Examples
    --------
    >>> text = b'''{"type": "FeatureCollection", "features": [{"type": "Feature",
    ... "properties": {"kind": "marsh"}, "geometry": {"type": "Polygon",
    ... "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}}]}'''
    >>> decode_polygons(text, class_property="kind").classes
    ['marsh']
    """
    document = read_object(payload, "a GeoJSON FeatureCollection")
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise unreadable("The text is no FeatureCollection.", "a GeoJSON FeatureCollection")
    _check_crs(document.get("crs"))
    return build_layer(map(_raw, features), class_property, date_property)


def read_object(payload: bytes, wanted: str) -> dict[str, object]:
    """Parse a JSON object within bounds."""
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise UnreadablePush(
            "too-large",
            f"The layer holds more than {PAYLOAD_MAX_BYTES:,} bytes.",
            "Simplify the polygons, or send the layer in parts.",
        )
    try:
        document = msgspec.json.decode(payload.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable("The text is no JSON.", wanted) from error
    if not isinstance(document, dict):
        raise unreadable("The text is no JSON object.", wanted)
    return document


def unreadable(detail: str, wanted: str) -> UnreadablePush:
    """Make the problem of a text that is not what was expected."""
    return UnreadablePush("json-unreadable", detail, f"Send {wanted} (UTF-8).")


def _check_crs(crs: object) -> None:
    """Refuse coordinates declared to be anything but longitude and latitude of WGS 84."""
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else crs
    if crs is not None and not (isinstance(name, str) and _LON_LAT.search(name)):
        raise UnreadablePush(
            "crs-unsupported",
            "The layer declares other coordinates than longitude and latitude of WGS 84.",
            "Reproject the layer to EPSG:4326.",
        )


def _raw(feature: object) -> RawFeature:
    """Take a feature apart, whatever it is."""
    if not isinstance(feature, dict):
        return RawFeature(None, None, None)
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict):
        return RawFeature(None, None, feature.get("properties"))
    return RawFeature(geometry.get("type"), geometry.get("coordinates"), feature.get("properties"))
