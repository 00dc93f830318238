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


class Rollovers:
    """
    Looks through the records of a push, all at once or in pieces, for such times.

    A tag is suspect where some of its records lie that far before its newest (no tag lives 18
    years), or where all do and, set right, would have been sent within the last 30 days. Both
    are older than any live record, so that little has to be kept.

    Parameters
    ----------
    now_us : int
        The present [us since 1970-01-01 UTC].

    References
    ----------
    IS-GPS-200, 20.3.3.3.1.1 (transmission week number).
    """

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self._newest: dict[str, int] = {}
        self._old: list[pl.DataFrame] = []

    def add(self, records: pl.DataFrame) -> None:
        """
        Look at some of the records.

        Parameters
        ----------
        records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
            As decoded.
        """
        named = records.select(pl.coalesce("tag", "individual").alias("name"), "time_us", "sensor")
        newest = named.group_by("name", maintain_order=True).agg(pl.col("time_us").max())
        for name, time_us in newest.iter_rows():
            self._newest[name] = max(time_us, self._newest.get(name, time_us))
        latest_us = self._now_us + DAY_US - ROLLOVER_US + LIFE_US
        old = named.filter((pl.col("sensor") == "gps") & (pl.col("time_us") <= latest_us))
        if old.height:
            self._old.append(old.select("name", "time_us"))

    def suspect(self) -> Warning_ | None:
        """
        Tell of the suspect tags.

        Returns
        -------
        Warning_ or None
            ``week-rollover-suspect``. The times are stored as sent.
        """
        if not self._old:
            return None
        newest = pl.col("name").replace_strict(self._newest, return_dtype=pl.Int64)
        behind = newest - pl.col("time_us")
        ages = [self._now_us - newest - count * ROLLOVER_US for count in (1, 2)]
        found = pl.concat(self._old).filter(
            ((behind - ROLLOVER_US).abs() <= LIFE_US)
            | ((behind - 2 * ROLLOVER_US).abs() <= LIFE_US)
            | pl.any_horizontal(age.is_between(-DAY_US, LIVE_US) for age in ages)
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


def rollover_suspect(records: pl.DataFrame, now_us: int) -> Warning_ | None:
    """Tell of the suspect tags among all records of a push; see `Rollovers`."""
    first = records["time_us"].min()
    if not isinstance(first, int) or first > now_us + DAY_US - ROLLOVER_US + LIFE_US:
        return None
    rollovers = Rollovers(now_us)
    rollovers.add(records)
    return rollovers.suspect()
