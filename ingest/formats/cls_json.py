"""Messages of the CLS telemetry service (Kineis, Argos), as its REST interface gives them."""

from __future__ import annotations

import polars as pl

from ingest.clock import parse_instants
from ingest.formats.layout import Element, Layout, decode_elements
from ingest.record import Decoded

NAME = "cls-json"

_NO_FIX = -999.0
"""The service writes this for a coordinate that is not known [degrees]."""


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    unknown = (pl.col("lon") <= _NO_FIX) & (pl.col("lat") <= _NO_FIX)
    return table.with_columns(
        pl.when(~unknown.fill_null(value=False)).then(pl.col("lon", "lat")),
        pl.when(pl.col("error_m") > 0).then(pl.col("error_m")),
    )


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"deviceRef", "msgType"}),
    fields={
        "tag": ("deviceRef", "modemRef", "deviceUid"),
        "sensor": ("sensor",),
        "time": ("time", "ts"),
        "lon": ("lon",),
        "lat": ("lat",),
        "height_m": ("height",),
        "ground_speed_m_s": ("speed",),
        "heading_deg": ("heading",),
        "error_m": ("radius",),
        "argos_class": ("class",),
        "provider_id": ("id",),
        "provider_revision": ("revision",),
    },
    times=lambda text, _: parse_instants(text, None),
    rule=_rule,
    lists=("contents",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are those of messages."""
    return LAYOUT.marks <= keys or {"deviceRef", "dopplerLocId"} <= keys


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode answers of ``retrieve-bulk`` and ``retrieve-realtime``, or their messages.

    A unit is a location: a message may hold a GPS and a Doppler fix, and one with neither is a
    record without position. The service revises a Doppler fix (another time, another place)
    under the same ``dopplerLocId``: that is the provider's id here, ``dopplerRevision`` its
    revision, so that the highest stands and the others stay readable. Ids are 64-bit integers
    and never pass through floating point. Raw data and sensors are left to the bytes.

    ``tz`` is not used: times are UTC, with and without ``Z``.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``, ``too-many-units``.

    References
    ----------
    CLS, API Telemetry User Manual 1.2.
    """
    return decode_elements(LAYOUT, payload, tz=tz, now_us=now_us, parts=_locations)


def _locations(message: Element) -> list[Element]:
    """Give the locations of a message under the names of the layout."""
    device = {key: message.get(key) for key in LAYOUT.fields["tag"]}
    found: list[Element] = []
    if _placed(message, "gpsLoc"):
        found.append(
            device
            | _time(message, "gpsLoc")
            | {
                "sensor": "gps",
                "lon": message.get("gpsLocLon"),
                "lat": message.get("gpsLocLat"),
                "height": message.get("gpsLocAlt"),
                "speed": message.get("gpsLocSpeed"),
                "heading": message.get("gpsLocHeading"),
            }
        )
    if _placed(message, "dopplerLoc"):
        found.append(
            device
            | _time(message, "doppler")
            | {
                "sensor": "argos",
                "lon": message.get("dopplerLocLon"),
                "lat": message.get("dopplerLocLat"),
                "radius": message.get("dopplerLocErrorRadius"),
                "class": message.get("dopplerLocClass"),
                "id": message.get("dopplerLocId"),
                "revision": message.get("dopplerRevision"),
            }
        )
    return found or [device | _time(message, "msg") | {"sensor": "other"}]


def _placed(message: Element, name: str) -> bool:
    return message.get(f"{name}Lon") is not None or message.get(f"{name}Lat") is not None


def _time(message: Element, name: str) -> dict[str, object]:
    """Time of a location in either of the forms that a request may ask for."""
    return {"time": message.get(f"{name}Datetime"), "ts": message.get(f"{name}Ts")}
