"""What one record tells alone: flags, never deletions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

NULL_ISLAND_DEG = 0.01
"""
Both axes closer than this to zero [degrees] is a tag's way to say "no fix". About 1 km: the
meridian and the equator alone are real places, their crossing is open sea off Ghana.
"""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "null-island": "Longitude and latitude are both zero: the tag had no fix.",
        "marked-outlier": "The sender marked the record as an outlier or not visible.",
        "argos-class-z": "Argos class Z: the provider calls the location invalid.",
    }
)
"""Flag code to its meaning."""


def record_flags(records: pl.DataFrame) -> pl.DataFrame:
    """
    Flag records by what each tells alone.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        As decoded.

    Returns
    -------
    polars.DataFrame, shape (m, 3)
        ``row`` (Int64, index in `records`), ``code`` (a key of `FLAGS`), ``detail``; ordered by
        row, then code. A record without position bears no flag.

    Examples
    --------
    >>> from ingest import decode
    >>> sent = b'[{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 0, "lat": 0.001}]'
    >>> record_flags(decode(sent, now_us=1_700_000_000_000_000).records)["code"].to_list()
    ['null-island']
    """
    near_zero = (pl.col("lon").abs() < NULL_ISLAND_DEG) & (pl.col("lat").abs() < NULL_ISLAND_DEG)
    tests = {
        "null-island": near_zero,
        "marked-outlier": pl.col("marked_outlier"),
        "argos-class-z": pl.col("argos_class") == "Z",
    }
    placed = records.with_row_index("row").filter(pl.col("lon").is_not_null())
    parts = [
        placed.filter(test).select(
            pl.col("row").cast(pl.Int64),
            pl.lit(code).alias("code"),
            pl.lit(FLAGS[code]).alias("detail"),
        )
        for code, test in tests.items()
    ]
    return pl.concat(parts).sort("row", "code")
