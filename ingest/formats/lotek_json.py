"""Lotek: positions of its web service (``positions/findByUploadDate``)."""

from __future__ import annotations

from functools import partial

from ingest.accuracy import sigmas
from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "lotek-json"


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"RecDateTime", "DeviceID"}),
    fields={
        "tag": ("DeviceID",),
        "time": ("RecDateTime",),
        "lon": ("Longitude",),
        "lat": ("Latitude",),
        "height_m": ("Altitude",),
        "dop": ("PDOP",),
        "error_m": ("CEPRadius",),
        "battery_v": ("MainV",),
        "temperature_c": ("Temperature",),
    },
    per={"error_m": sigmas(50.0)},  # circular error probable: half of the fixes lie within it
    times=lambda text, _: parse_instants(text, None),
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
