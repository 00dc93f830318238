"""The variant of a fix: a hash of what it says, never of when or how it arrived."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.record import RECORD_SCHEMA

_SAID_OF_IT = ("marked_valid", "marked_hidden", "verdict_reason", "solution_by_hand")
"""What a person said about a fix, not the fix itself: it becomes a verdict, or a choice."""

_CONTENT = tuple(
    name
    for name in RECORD_SCHEMA
    if name not in {"unit", "tag", "individual", "taxon", "sensor", "time_us", *_SAID_OF_IT}
)
"""Everything a fix says besides its key. The order is part of the hash: only ever append."""

_NOTHING = np.uint64(0x9E37_79B9_7F4A_7C15)  # stands for null, which no hashed value needs to equal


def content_variant(records: pl.DataFrame) -> NDArray[np.int64]:
    """
    Hash the content of each record to 64 bits.

    Parameters
    ----------
    records : polars.DataFrame
        n records, columns of `RECORD_SCHEMA`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Equal for equal content; two different contents at one time of one tag meet with a
        chance of 2**-64.

    Notes
    -----
    Each column is turned to 64-bit words and folded in with the finaliser of SplitMix64
    (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195), whose every output bit hangs on
    every input bit.

    Examples
    --------
    >>> import polars as pl
    >>> from ingest.record import RECORD_SCHEMA
    >>> two = pl.DataFrame({"lon": [1.0, 1.0], "lat": [2.0, 2.5]})
    >>> blank = [pl.lit(None, t).alias(n) for n, t in RECORD_SCHEMA.items() if n not in two]
    >>> a, b = content_variant(two.with_columns(blank))
    >>> bool(a == b)
    False
    """
    state = np.zeros(records.height, np.uint64)
    for name in _CONTENT:
        state = _mix(state ^ _words(records[name]))
    return state.view(np.int64)


def _words(column: pl.Series) -> NDArray[np.uint64]:
    absent = column.is_null().to_numpy()
    if column.null_count() == len(column):
        return np.full(len(column), _NOTHING)
    if column.dtype == pl.String:
        distinct = {text: _text_word(text) for text in column.unique().drop_nulls()}
        words = column.replace_strict(distinct, default=None, return_dtype=pl.UInt64)
        found = words.fill_null(0).to_numpy()
    else:
        # + 0.0 makes one zero of -0.0 and 0.0.
        found = (column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).view(np.uint64)
    return np.where(absent, _NOTHING, found)


@lru_cache(maxsize=65536)
def _text_word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    word = word + np.uint64(0x9E37_79B9_7F4A_7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return word ^ (word >> np.uint64(31))
