"""GPX 1.0 and 1.1: track points, route points and waypoints."""

from __future__ import annotations

from ingest.formats.argos_xml import decode_units
from ingest.formats.layout import Layout
from ingest.formats.xml import looks_like_xml, read_units
from ingest.record import Decoded

NAME = "gpx"

LAYOUT = Layout(
    name=NAME,
    marks=frozenset(),
    decimal_comma=False,
    fields={
        "tag": ("/trk", "/rte", "name"),
        "time": ("time",),
        "lon": ("@lon",),
        "lat": ("@lat",),
        "height_m": ("ele",),
        "ground_speed_m_s": ("speed", "extensions/speed"),
        "heading_deg": ("course", "extensions/course"),
        "satellites": ("sat",),
        "dop": ("hdop", "pdop"),
    },
)

_POINTS = frozenset({"trkpt", "rtept", "wpt"})
_NAMED = {"trk": "name", "rte": "name"}


def accepts(payload: bytes) -> bool:
    """Whether the first bytes are those of GPX."""
    return looks_like_xml(payload) and b"<gpx" in payload[:4_096]


def decode(payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode GPX.

    A unit is a point. The tag is the name of its track or route, or a waypoint's own, none of
    which the standard asks for: without one it is the ``tag`` that is told.

    ``tz`` is that of times that carry none, which the standard does not allow.

    Raises
    ------
    UnreadablePush
        Codes ``xml-unreadable``, ``xml-unsafe``, ``too-many-units``, ``zone-unknown``.

    References
    ----------
    GPX 1.1 schema, https://www.topografix.com/GPX/1/1/
    """
    units = read_units(payload, _POINTS, _NAMED)
    return decode_units(LAYOUT, payload, units, tz=tz, now_us=now_us, tag=tag)


decode_told = decode
