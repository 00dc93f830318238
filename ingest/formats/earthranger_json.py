"""EarthRanger: what its sensor endpoints take, one observation or a list."""

from __future__ import annotations

from functools import partial

from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "earthranger-json"


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"manufacturer_id", "recorded_at", "location"}),
    fields={
        "tag": ("manufacturer_id",),
        "individual": ("subject_name",),
        "time": ("recorded_at",),
        "lon": ("location.lon", "location.longitude"),
        "lat": ("location.lat", "location.latitude"),
        "height_m": ("additional.altitude", "additional.alt"),
        "ground_speed_m_s": ("additional.speed_m_s",),
        "dop": ("additional.hdop",),
    },
    times=parse_instants,
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
