"""Times that a GPS receiver set back by 1,024 weeks, when its week counter began anew."""

from __future__ import annotations

import polars as pl

from ingest.clock import DAY_US
from ingest.record import Warning_

ROLLOVER_US = 1_024 * 7 * DAY_US
"""After this time [us] the ten bits of the GPS week number repeat: 19.6 years."""

LIFE_US = 366 * DAY_US
"""Records of one tag this near to a rollover before its newest are suspect [us]."""

LIVE_US = 30 * DAY_US
"""A push whose newest record, set right, is no older than this is a live one [us]."""


def rollover_suspect(records: pl.DataFrame, now_us: int) -> Warning_ | None:
    """
    Tell of tags whose times lie one or two rollovers back.

    A tag is suspect where some of its records lie that far before its newest (no tag lives 18
    years), or where all do and, set right, would have been sent within the last 30 days.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        As decoded.
    now_us : int
        The present [us since 1970-01-01 UTC].

    Returns
    -------
    Warning_ or None
        ``week-rollover-suspect``. The times are stored as sent.

    References
    ----------
    IS-GPS-200, 20.3.3.3.1.1 (transmission week number).
    """
    first = records["time_us"].min()
    if not isinstance(first, int) or first > now_us + DAY_US - ROLLOVER_US + LIFE_US:
        return None
    name = pl.coalesce("tag", "individual").alias("name")
    newest = pl.col("time_us").max().over("name")
    behind = newest - pl.col("time_us")
    ages = [now_us - newest - count * ROLLOVER_US for count in (1, 2)]
    found = (
        records.filter(pl.col("sensor") == "gps")
        .select(name, "time_us")
        .filter(
            ((behind - ROLLOVER_US).abs() <= LIFE_US)
            | ((behind - 2 * ROLLOVER_US).abs() <= LIFE_US)
            | pl.any_horizontal(age.is_between(-DAY_US, LIVE_US) for age in ages)
        )
    )
    if found.is_empty():
        return None
    tags = found["name"].unique().sort()
    named = ", ".join(repr(tag) for tag in tags.head(5)) + (", ..." if tags.len() > 5 else "")
    return Warning_(
        "week-rollover-suspect",
        f"{found.height} time(s) of {named} lie 1,024 weeks back: the tag's GPS week may have "
        "rolled over. Ask its maker for new firmware, and send the times set right.",
    )
