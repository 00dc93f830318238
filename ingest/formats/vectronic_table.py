"""Vectronic Aerospace: the table that its program GPS Plus X exports, as CSV or tab-separated."""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.formats.layout import Layout, decode_sheet, utc_times

NAME = "vectronic-table"


_HALF = r" (0?[0-9]|1[0-2]):([0-5][0-9](?::[0-5][0-9])?) ?([AaPp])\.?[Mm]\.?$"
_NOON = 12


def _times(text: pl.Series, tz: str) -> pl.Series:
    """Read UTC times, also of a computer that counts twelve hours (``10:00:13 PM``)."""
    parts = text.str.extract_groups(_HALF).struct.unnest()
    hour = parts["1"].cast(pl.Int64) % _NOON
    hour += (parts["3"].str.to_lowercase() == "p").cast(pl.Int64) * _NOON
    day = text.str.replace(_HALF, "")
    whole = day + " " + hour.cast(pl.String) + ":" + parts["2"]
    return utc_times(text.zip_with(hour.is_null(), whole), tz)


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """An attempt without a fix (``No Fix``) has no place, whatever stands there."""
    none = pl.col("kind").str.to_lowercase().eq_missing("no fix")
    return table.with_columns(pl.when(~none).then(pl.col("lon", "lat")))


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"collarid", "utc-date", "utc-time"}),
    fields={
        "tag": ("CollarID",),
        "individual": ("AnimalID",),
        "date": ("UTC_Date",),
        "clock": ("UTC_Time",),
        "kind": ("FixType",),
        "lon": ("Longitude [°]", "Longitude"),
        "lat": ("Latitude [°]", "Latitude"),
        "height_m": ("Height [m]", "Height"),
        "dop": ("DOP",),
        "satellites": ("Sats",),
        "battery_v": ("Main [V]", "Main"),
        "temperature_c": ("Temp [°C]", "Temp"),
        "activity": ("Activity",),
    },
    times=_times,
    missing=("N/A",),
    rule=_rule,
)
"""
Names and words of the program, as public scripts of five projects read its exports: blanks or
underscores in names, with units or without.

Dates are in the order of the computer that wrote them (``05/31/2023``, ``31.05.2023``): no order is
the maker's, and where the rows prove none it has to be declared. So it is with hours: computers of
the United States write twelve of them, with AM and PM. ``LMT`` is the local time that the
program is set to. ``3D_Error`` is no horizontal one and is not read, nor is ``Beacon [V]``, the
second battery.
"""

fits = LAYOUT.fits
decode = partial(decode_sheet, LAYOUT)
