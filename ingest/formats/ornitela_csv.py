"""Ornitela: CSV of its panel and its SFTP drops, with the rows of other sensors between fixes."""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.formats.layout import Layout, decode_sheet, utc_times

NAME = "ornitela-csv"

_MILLISECOND_US = 1_000


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Tell fixes from sensor rows, and rows without a fix from a fix on the equator.

    A row without satellites has zeros for its place. A sensor row has them, too, or the place and
    satellites of the fix before it, which is no fix of its own. Sensor rows come 20 in a second:
    their milliseconds tell them apart.
    """
    fix = pl.col("kind").str.starts_with("GPS").fill_null(value=True)
    none = (pl.col("lon") == 0) & (pl.col("lat") == 0) & (pl.col("satellites") == 0)
    late = pl.col("milliseconds").cast(pl.Float64, strict=False).fill_null(0.0)
    late = pl.when(late.is_between(0, 999)).then(late.cast(pl.Int64) * _MILLISECOND_US).otherwise(0)
    return table.with_columns(
        pl.when(fix).then(pl.lit("gps")).otherwise(pl.lit("other")).alias("sensor"),
        pl.when(fix & ~none.fill_null(value=False)).then(pl.col("lon", "lat")),
        time_us=pl.col("time_us") + late,
    )


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"device-id", "utc-datetime", "datatype"}),
    fields={
        "tag": ("device_id",),
        "individual": ("device_name",),
        "time": ("UTC_datetime",),
        "kind": ("datatype",),
        "milliseconds": ("milliseconds",),
        "lon": ("Longitude",),
        "lat": ("Latitude",),
        "height_m": ("MSL_altitude_m", "Altitude_m"),
        "ground_speed_m_s": ("speed_km/h", "speed_km_h"),
        "heading_deg": ("direction_deg",),
        "satellites": ("satcount",),
        "dop": ("hdop",),
        "battery_v": ("U_bat_mV",),
        "temperature_c": ("int_temperature_C", "temperature_C"),  # of the tag; see below
    },
    per={"ground_speed_m_s": 3.6, "battery_v": 1_000.0},
    times=utc_times,
    rule=_rule,
)

"""
Two thermometers: ``int_temperature_C`` is that of the tag, which Movebank's dictionary calls
external temperature; files that name the height ``Altitude_m`` have it as ``temperature_C``.
``ext_temperature_C`` stands with depth and conductivity, and is that of the probe for water. Warmth
of the tag tells of a bird's death, so its series is of that one alone; what the probe measured
stays in the bytes of the push.
"""

fits = LAYOUT.fits
decode = partial(decode_sheet, LAYOUT)
