"""Vectronic Aerospace: positions of its web service."""

from __future__ import annotations

from functools import partial

from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "vectronic-json"


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"idCollar", "acquisitionTime"}),
    fields={
        "tag": ("idCollar",),
        "time": ("acquisitionTime",),
        "lon": ("longitude",),
        "lat": ("latitude",),
        "height_m": ("height",),
        "dop": ("dop",),
        "battery_v": ("mainVoltage",),
        "temperature_c": ("temperature",),
    },
    times=lambda text, _: parse_instants(text, None),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
