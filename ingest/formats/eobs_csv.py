"""e-obs: the tables of fixes and of acceleration that its decoder writes, one file a tag."""

from __future__ import annotations

import polars as pl

from ingest.formats.delimited import open_sheet
from ingest.formats.layout import Layout, decode_sheet, utc_times
from ingest.record import Decoded

NAME = "eobs-csv"

_FIXED, _STARTED = "timestamp-of-fix", "start-timestamp"
_VOLTS_BELOW = 20  # of a voltage as it is sent, mostly [mV]
_NAMED = {"tag": ("tag-serial-number",)}


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Take the time of a fix from the fix alone.

    The receiver was switched on at the start, up to minutes before. An attempt that failed
    (status D) has no other time, and no position that it could be wrong for: some decoders write
    zeros there. A voltage under 20 is in volts already, as no battery has so few millivolts.
    """
    fixed = pl.col("fixed").is_not_null()
    nowhere = (~fixed & (pl.col("lon") == 0) & (pl.col("lat") == 0)).fill_null(value=False)
    table = table.with_columns(pl.when(~nowhere).then(pl.col("lon", "lat")))
    placed = pl.col("lon").is_not_null() | pl.col("lat").is_not_null()
    volts = pl.col("battery_v")
    return table.with_columns(
        time_us=pl.when(~placed | fixed).then("time_us"),
        battery_v=pl.when(volts < _VOLTS_BELOW / 1_000)
        .then((volts * 1_000).round(6))
        .otherwise(volts),
    )


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"key-bin-checksum", "tag-serial-number", _FIXED}),
    fields=_NAMED
    | {
        "time": (_FIXED, _STARTED),
        "fixed": (_FIXED,),
        "lon": ("longitude",),
        "lat": ("latitude",),
        "height_m": ("height-above-ellipsoid",),
        "ground_speed_m_s": ("speed-over-ground",),
        "heading_deg": ("heading-degree",),
        "satellites": ("satellite-count",),
        "dop": ("dop",),
        "error_m": ("horizontal-accuracy-estimate",),
        "battery_v": ("battery-voltage",),
        "temperature_c": ("temperature",),
    },
    per={"battery_v": 1_000.0},
    times=utc_times,
    rule=_rule,
)

BURSTS = Layout(
    name=NAME,
    marks=frozenset({"key-bin-checksum", "tag-serial-number", "accelerations-raw"}),
    fields=_NAMED | {"time": (_STARTED,)},
    times=utc_times,
    sensor="other",
)


def fits(header: list[str]) -> bool:
    """Whether a header line is that of either table."""
    return LAYOUT.fits(header) or BURSTS.fits(header)


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode a table of the e-obs decoder: ``tag<serial>_gps.txt`` or ``tag<serial>_acc.txt``.

    A unit is a row: an attempt to get a fix, or a burst of acceleration. Attempts without a fix
    (status B has the time alone, D nothing) and bursts are records without position.

    ``tz`` is not used: the tables are in UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.

    Notes
    -----
    The columns are those of tables that the decoder's versions 7 (2015) and 21 wrote, as others
    publish and read them. Status, type and duration of an attempt, accuracy of speed, voltage
    under load, checksum and raw acceleration stay in the bytes of the push. Through Movebank the
    same data come as `movebank_csv`, with names that begin with ``eobs:``.
    """
    layout = BURSTS if BURSTS.fits(open_sheet(payload).header) else LAYOUT
    return decode_sheet(layout, payload, tz=tz, now_us=now_us)
