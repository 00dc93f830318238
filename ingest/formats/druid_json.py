"""Druid Technology (Ecotopia): GPS and environment records of its REST interface."""

from __future__ import annotations

from functools import partial

from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "druid-json"


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"timestamp", "updated_at"}),
    fields={
        "tag": ("uuid", "device_id"),
        "time": ("timestamp",),
        "lon": ("longitude",),
        "lat": ("latitude",),
        "height_m": ("altitude",),
        "ground_speed_m_s": ("speed",),
        "heading_deg": ("course",),
        "satellites": ("used_star",),
        "dop": ("hdop", "dimension_dop"),
        "error_m": ("horizontal",),
        "temperature_c": ("temperature",),
        "battery_v": ("battery_voltage",),
    },
    times=lambda text, _: parse_instants(text, None),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
