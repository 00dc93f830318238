"""Movebank as JSON: its public service, and what live feeds post to it."""

from __future__ import annotations

from ingest.clock import parse_instants
from ingest.formats import attributes
from ingest.formats.layout import Element, Layout, decode_elements
from ingest.record import Decoded

NAME = "movebank-json"

INDIVIDUAL_MAX_BYTES = 64 << 20
"""All locations of one individual [bytes]: about a million."""


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"individuals", "locations"}),
    fields={
        "tag": ("tag_local_identifier", "tag_id"),
        "individual": ("individual_local_identifier",),
        "taxon": ("individual_taxon_canonical_name",),
        "sensor": ("sensor_type", "sensor_type_id"),
        "time": ("timestamp", "recorded_at"),
        "lon": ("location_long", "lon"),
        "lat": ("location_lat", "lat"),
        "ground_speed_m_s": ("ground_speed",),
        "heading_deg": ("heading",),
        **attributes.FIELDS,
    },
    times=lambda text, _: parse_instants(text, None),
    rule=attributes.rule,
    lists=("individuals",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are Movebank's."""
    return LAYOUT.marks <= keys or {"recorded_at", "tag_id", "lon", "lat"} <= keys


def decode(payload: bytes, *, tz: str = "UTC", now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode JSON of Movebank's public service, or of a live feed.

    A unit is a location. The service nests them under their individual; an individual without
    locations is no unit. A feed writes coordinates as strings. What else may be asked for with a
    location (``attributes=``) is read as in Movebank's tables: marks of outliers above all, and
    what tells how good it is.

    ``tz`` is not used: Movebank's times are UTC. ``tag`` is that of locations that name neither
    one nor a bird.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``, ``too-many-units``.

    References
    ----------
    https://github.com/movebank/movebank-api-doc
    """
    return decode_elements(
        LAYOUT,
        payload,
        tz=tz,
        now_us=now_us,
        parts=_locations,
        limit_bytes=INDIVIDUAL_MAX_BYTES,
        tag=tag,
    )


def _locations(element: Element) -> list[Element]:
    """Give the locations of an individual, each with its names."""
    locations = element.get("locations")
    if not isinstance(locations, list):
        return [element]
    names = {key: value for key, value in element.items() if key != "locations"}
    return [
        {**names, **location} if isinstance(location, dict) else {"timestamp": []}
        for location in locations
    ]


decode_told = decode
