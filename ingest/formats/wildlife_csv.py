"""
Wildlife Computers portal: ``-Locations.csv`` and ``-Argos.csv``.

The portal writes ``08:20:19 06-Mar-2017``, which has one reading. Where a spreadsheet made numbers
of it, they are in the order of its country: the United States' is assumed where the rows prove
none, with a warning.
"""

from __future__ import annotations

import polars as pl

from ingest.clock import parse_times
from ingest.formats.layout import Layout, decode_sheet
from ingest.record import Decoded
from ingest.vocabulary import term
from ingest.yearlast import reordered

NAME = "wildlife-csv"

_MARKS = (
    frozenset({"deployid", "ptt", "type", "quality"}),
    frozenset({"deployid", "ptt", "locationquality", "satellite"}),
)
"""Tables of depth and warmth have the quality of the nearest location; only passes a satellite."""

_TYPES = {"argos": "argos", "fastgps": "gps", "gps": "gps"}


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Read type and quality.

    The quality of an Argos location is its class, that of a FastGPS one its satellites. The
    deployment's name is the animal's where it is not just the PTT again.
    """
    kind = pl.col("kind").str.to_lowercase()
    argos = kind.is_null() | (kind == "argos")
    return table.with_columns(
        pl.when(argos)
        .then(pl.lit("argos"))
        .otherwise(kind.replace_strict(_TYPES, default="other", return_dtype=pl.String))
        .alias("sensor"),
        pl.when(argos).then(pl.col("argos_class")),
        pl.when(~argos)
        .then(pl.col("argos_class").cast(pl.Float64, strict=False))
        .alias("satellites"),
        pl.when(pl.col("individual") != pl.col("tag")).then(pl.col("individual")),
        pl.when(pl.col("error_m") > 0).then(pl.col("error_m")),
    )


LAYOUT = Layout(
    name=NAME,
    marks=_MARKS[0],
    fields={
        "tag": ("Ptt",),
        "individual": ("DeployID",),
        "time": ("Date",),
        "kind": ("Type",),
        "argos_class": ("Quality", "LocationQuality"),
        "lon": ("Longitude",),
        "lat": ("Latitude",),
        "lon2": ("Longitude2",),
        "lat2": ("Latitude2",),
        "error_m": ("Error radius",),
        "semi_major_m": ("Error Semi-major axis",),
        "semi_minor_m": ("Error Semi-minor axis",),
        "orientation_deg": ("Error Ellipse orientation",),
    },
    times=lambda text, _: parse_times(reordered(text), None),
    sensor="argos",
    rule=_rule,
)


def fits(header: list[str]) -> bool:
    """Whether a header line is that of locations or of Argos passes."""
    names = {term(name) for name in header}
    return any(marks <= names for marks in _MARKS)


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode locations of the portal.

    A unit is a row. The portal writes some rows twice, and one time with two positions where
    least squares and Kalman filter differ: both are kept, as any other conflict is.

    ``tz`` is not used: the portal writes UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    return decode_sheet(LAYOUT, payload, tz=tz, now_us=now_us)
