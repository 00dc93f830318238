"""Vectronic Aerospace: the table that its program GPS Plus X exports, as CSV or tab-separated."""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.formats.layout import Layout, decode_sheet, utc_times

NAME = "vectronic-table"


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
    times=utc_times,
    missing=("N/A",),
    rule=_rule,
)
"""
Names and words of the program, as public scripts of five projects read its exports: blanks or
underscores in names, with units or without.

Dates are in the order of the computer that wrote them (``05/31/2023``, ``31.05.2023``): no order is
the maker's, and where the rows prove none it has to be declared. ``LMT`` is the local time that the
program is set to. ``3D_Error`` is no horizontal one and is not read, nor is ``Beacon [V]``, the
second battery.
"""

fits = LAYOUT.fits
decode = partial(decode_sheet, LAYOUT)
