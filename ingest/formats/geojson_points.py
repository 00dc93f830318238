"""GeoJSON points: a feature collection, an array of features, or a text sequence of them."""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.clock import parse_instants
from ingest.formats.layout import Element, Layout, decode_elements
from ingest.frames import Frames, declared, on_earth
from ingest.record import Decoded
from ingest.vocabulary import sensor_by_class

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
    "satellites": ("satellites",),
    "dop": ("dop", "gps:hdop", "hdop"),
    "error_m": ("error_m",),
    "sensor": ("sensor", "sensor-type", "sensor_type"),
    "argos_class": ("argos_class", "argos:lc"),
    "semi_major_m": ("semi_major_m", "argos:semi-major"),
    "semi_minor_m": ("semi_minor_m", "argos:semi-minor"),
    "orientation_deg": ("orientation_deg", "argos:orientation"),
    "battery_v": ("battery_v",),
    "temperature_c": ("temperature_c",),
}  # fmt: skip


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    argos_class = pl.col("argos_class").str.to_uppercase()
    sensor = sensor_by_class(pl.col("sensor"), argos_class)
    return table.with_columns(sensor, argos_class)


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"type", "geometry", "properties"}),
    fields={
        **{name: tuple(f"properties.{key}" for key in keys) for name, keys in _FIELDS.items()},
        "lon": ("geometry.coordinates.0",),
        "lat": ("geometry.coordinates.1",),
        "height_m": ("geometry.coordinates.2",),
    },
    times=parse_instants,
    rule=_rule,
    lists=("features",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are those of features."""
    return LAYOUT.marks <= keys


def decode(payload: bytes, *, tz: str = "UTC", now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode GeoJSON.

    A unit is a feature. Its geometry is a point, or null for a record without position; its
    properties bear the names of this project or of Movebank. Of a feature that names neither tag
    nor bird the tag is the ``tag`` that is told.

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
        return [feature]
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return ["not-a-point"]
    if "coordinates" not in geometry:
        return ["position-incomplete"]
    return [on_earth(frames, crs, feature)]


decode_told = decode
