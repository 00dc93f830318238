"""Traccar: positions forwarded as JSON, each with its device."""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.clock import parse_instants
from ingest.formats.layout import Layout, decode_elements

NAME = "traccar-json"

KNOTS = 3_600 / 1_852
"""Knots in one m/s."""


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """Mark positions that the device calls invalid; an accuracy of zero is none."""
    return table.with_columns(
        marked_outlier=(pl.col("valid") == "false").fill_null(value=False),
        error_m=pl.when(pl.col("error_m") > 0).then(pl.col("error_m")),
    )


# The id of a position is that of Traccar's database, and 0 in what is forwarded before it is
# stored there: it tells no fixes apart.
LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"position", "device", "uniqueId", "fixTime"}),
    fields={
        "tag": ("device.uniqueId",),
        "individual": ("device.name",),
        "time": ("position.fixTime",),
        "lon": ("position.longitude",),
        "lat": ("position.latitude",),
        "height_m": ("position.altitude",),
        "ground_speed_m_s": ("position.speed",),
        "heading_deg": ("position.course",),
        "error_m": ("position.accuracy",),
        "satellites": ("position.attributes.sat",),
        "dop": ("position.attributes.hdop",),
        "battery_v": ("position.attributes.battery",),
        "valid": ("position.valid",),
    },
    per={"ground_speed_m_s": KNOTS},
    times=parse_instants,
    rule=_rule,
)


def speaks(keys: frozenset[str]) -> bool:
    """Whether the keys of a JSON push are of this maker."""
    return LAYOUT.marks <= keys


decode = partial(decode_elements, LAYOUT)
