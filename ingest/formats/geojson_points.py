"""GeoJSON points: a feature collection, an array of features, or a text sequence of them."""

from __future__ import annotations

from functools import partial

from ingest.clock import parse_instants
from ingest.formats import attributes
from ingest.formats.layout import Element, Layout, decode_elements
from ingest.frames import Frames, declared, on_earth
from ingest.record import Decoded
from ingest.vocabulary import EVENT_TERMS

NAME = "geojson-points"

_FIELDS = {
    "tag": ("tag", "tag_id", "tag-local-identifier", "tag_local_identifier", "device_id"),
    "individual": (
        "individual", "individual-local-identifier", "individual_local_identifier", "name",
    ),
    "taxon": ("taxon", "individual-taxon-canonical-name", "individual_taxon_canonical_name"),
    "time": ("time", "timestamp", "datetime", "recorded_at"),
    "ground_speed_m_s": ("ground_speed_m_s", "ground-speed", "ground_speed"),
    "heading_deg": ("heading_deg", "heading"),
    "sensor": ("sensor", "sensor-type", "sensor_type"),
}  # fmt: skip
_FLAGS = ("flags", *EVENT_TERMS["flags"])
_OWN = {"dop": ("dop", "hdop"), "outlier_import": ("marked_outlier",)}
"""What names of this project are others than the fields, before those of Movebank."""

_SAID = {
    field: tuple(f"properties.{name}" for name in names)
    for field, names in (
        *_FIELDS.items(),
        *((field, (*_OWN.get(field, (field,)), *n)) for field, n in attributes.FIELDS.items()),
    )
}

LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"type", "geometry", "properties"}),
    fields={
        **_SAID,
        "lon": ("geometry.coordinates.0",),
        "lat": ("geometry.coordinates.1",),
        "height_m": ("geometry.coordinates.2", *_SAID["height_m"]),
    },
    times=parse_instants,
    rule=attributes.rule,
    lists=("features",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are those of features."""
    return LAYOUT.marks <= keys


def decode(payload: bytes, *, tz: str = "UTC", now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode GeoJSON.

    A unit is a feature. Its geometry is a point, or null for a record without position; its
    properties bear the names of this project or of Movebank, as its tables or its service write
    them. What is not visible there is an outlier, unless flags of our own say why. Of a feature
    that names neither tag nor bird the tag is the ``tag`` that is told.

    RFC 7946 knows WGS 84 alone. Where a member ``crs`` names another system of EPSG, as older
    files do, positions are brought to WGS 84.

    Raises
    ------
    UnreadablePush
        Codes ``crs-unsupported``, ``json-truncated``, ``json-unreadable``, ``too-many-units``,
        ``zone-unknown``.

    References
    ----------
    RFC 7946 (GeoJSON), RFC 8142 (text sequences).
    """
    parts = partial(_point, Frames(), declared(payload))
    return decode_elements(LAYOUT, payload, tz=tz, now_us=now_us, parts=parts, tag=tag)


def _point(frames: Frames, crs: object, feature: Element) -> list[Element | str]:
    """Give the feature, in WGS 84, or the code of its refusal where it is no point."""
    geometry = feature.get("geometry")
    if geometry is None:
        return [_seen(feature)]
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return ["not-a-point"]
    if "coordinates" not in geometry:
        return ["position-incomplete"]
    return [_seen(on_earth(frames, crs, feature))]


def _seen(feature: Element) -> Element:
    """Give a feature as if nothing said that it is not visible, where flags say why: our export."""
    properties = feature.get("properties")
    if not isinstance(properties, dict) or not any(map(properties.get, _FLAGS)):
        return feature
    return {**feature, "properties": {**properties, "visible": None}}


decode_told = decode
