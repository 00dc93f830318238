"""
Cellular Tracking Technologies (CTT): CSV of its download page.

CTT writes ISO times. A spreadsheet that the file went through turns them into ``7/18/19 20:18``,
in the order of its country: the United States' is assumed where the rows prove none, with a
warning, since CTT documents no such order and the spreadsheet may be anyone's.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from ingest.clock import parse_times
from ingest.formats.layout import Layout, decode_sheet
from ingest.vocabulary import term
from ingest.yearlast import reordered

NAME = "ctt-csv"

_TIME = "GPS_YYYY-MM-DD_HH:MM:SS"


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """Zeros stand where no fix was collected."""
    none = ((pl.col("lon") == 0) & (pl.col("lat") == 0)).fill_null(value=False)
    return table.with_columns(pl.when(~none).then(pl.col("lon", "lat")))


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({term(_TIME)}),
    fields={
        "tag": ("serial", "device_id", "unit_id", "tag_id", "id"),
        "time": (_TIME,),
        "lon": ("lon", "longitude"),
        "lat": ("lat", "latitude"),
        "height_m": ("alt_m", "alt", "altitude"),
        "heading_deg": ("course_deg", "course"),
        "dop": ("hdop",),
        "satellites": ("satellites", "nsats"),
    },
    times=lambda text, _: parse_times(reordered(text), None),
    rule=_rule,
)

fits = LAYOUT.fits
decode = partial(decode_sheet, LAYOUT)
