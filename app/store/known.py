"""Which fixes and readings are there by their keys, and what of an arrival is news."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.fragments import time_of

KEY = ("tag_id", "time_us", "sensor", "variant")
KEY_COLUMNS = ("tag_id", "time", "sensor", "variant")
"""The natural key: of records, and in the tables."""
_S_TIME = time_of("s.time_us")

_KNOWN = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "live": "?",
     "replaced": "?", "decoding_id": ">i8"}
)  # fmt: skip

_KNOWN_SCHEMA = {
    "tag_id": pl.Int32, "time": pl.Int64, "sensor": pl.Int16, "variant": pl.Int64,
    "decoding_id": pl.Int64, "live": pl.Boolean, "replaced": pl.Boolean,
}  # fmt: skip

KEYS_MAX = 2_000
"""Up to this many records are looked up one by one; of more, the spans of their tags are read."""

SPARSE = 4
"""Spans are read up to so many times the records looked up; beyond, one by one after all."""


async def fixes(conn: AsyncConnection, positions: pl.DataFrame) -> pl.DataFrame:
    """Return the fixes with the keys of these records; with the tags locked none can join."""
    return await held(conn, "fix", positions.select(*KEY).rename({"time_us": "time"}))


def news(positions: pl.DataFrame, known: pl.DataFrame, again: Sequence[int]) -> pl.DataFrame:
    """
    Return the records that are more than duplicates.

    A fix that is known and in force stands as it is, as does one that another supersedes; one
    that a replaced decoding had brought is to live again, and a decoding that is read `again`
    owns its own.
    """
    standing = known.filter(
        (pl.col("live") | ~pl.col("replaced")) & ~pl.col("decoding_id").is_in(list(again))
    )
    return positions.join(standing, left_on=KEY, right_on=KEY_COLUMNS, how="anti")


async def held(conn: AsyncConnection, table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the keys among these that the table holds, each once."""
    if frame.is_empty():
        return pl.DataFrame(schema=_KNOWN_SCHEMA)
    if frame.height <= KEYS_MAX:
        keys = frame.select(KEY_COLUMNS).unique()
        columns = [f"'{{{','.join(map(str, keys[name]))}}}'" for name in KEY_COLUMNS]
        kinds = ("int", "bigint", "int", "bigint")
        arrays = ", ".join(f"{c}::{k}[]" for c, k in zip(columns, kinds, strict=True))
        of_push = (
            f"unnest({arrays}) as s(tag_id, time_us, sensor, variant) join {table} f"
            f" on f.tag_id = s.tag_id and f.time = {_S_TIME} and f.sensor = s.sensor"
            " and f.variant = s.variant"
        )
    else:
        spans = frame.group_by("tag_id").agg(a=pl.col("time").min(), b=pl.col("time").max())
        rows = ", ".join(f"({tag}, {a}, {b})" for tag, a, b in spans.iter_rows())
        of_push = (
            f"(values {rows}) as s(tag_id, time_us, last_us) join {table} f on f.tag_id = s.tag_id"
            f" and f.time between {_S_TIME} and {time_of('s.last_us')}"
        )
    live = "f.live" if table == "fix" else "true"
    most = SPARSE * max(frame.height, KEYS_MAX)
    found = await copy_out(
        conn,
        f"select f.tag_id, f.time, f.sensor, f.variant, {live}, d.replaced_at is not null,"
        f" f.decoding_id from {of_push}"
        f" join decoding d on d.id = f.decoding_id limit {most}",
        _KNOWN,
    )
    if found.size == most:
        # Few of many: a span that holds years of other records is not read for a day of these.
        keys = frame.select(KEY_COLUMNS).unique(maintain_order=True)
        parts = [keys.slice(start, KEYS_MAX) for start in range(0, keys.height, KEYS_MAX)]
        return pl.concat([await held(conn, table, part) for part in parts])
    return pl.DataFrame({
        "tag_id": found["tag_id"].astype(np.int32),
        "time": found["time"].astype(np.int64) + PG_EPOCH_US,
        "sensor": found["sensor"].astype(np.int16),
        "variant": found["variant"].astype(np.int64),
        "decoding_id": found["decoding_id"].astype(np.int64),
        **{name: found[name].astype(np.bool_) for name in ("live", "replaced")},
    }, schema=_KNOWN_SCHEMA)  # fmt: skip
