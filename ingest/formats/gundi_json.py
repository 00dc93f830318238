"""Gundi v2 observations, and those of v1 with ``x`` and ``y``."""

from __future__ import annotations

from functools import partial

from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "gundi-json"


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"source", "recorded_at", "location"}),
    fields={
        "tag": ("source",),
        "individual": ("source_name",),
        "time": ("recorded_at",),
        "lon": ("location.lon", "location.x"),
        "lat": ("location.lat", "location.y"),
        "height_m": ("location.alt", "location.z"),
        "dop": ("location.hdop",),
    },
    times=lambda text, _: parse_instants(text, None),
    lists=("observations",),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
