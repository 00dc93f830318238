"""What another reading of a push changes: which fixes, which birds, which refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl

LISTED_MAX = 100
"""Fixes and refusals that are listed one by one; the counts are of all."""

_KEY = ("tag_id", "time", "sensor", "variant")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Effect:
    """
    Counts of all that changes, and the first of it.

    A fix that goes and one that comes are one that moved, in time where they say the same, in
    place where they are of one time.
    """

    added: int
    removed: int
    moved: int
    unchanged: int
    individual_ids: list[int]
    tag_ids: list[int]
    fixes: list[dict[str, Any]]
    refusals_gone: int
    refusals_new: int
    refusals: list[dict[str, Any]]
    tags: Mapping[int, str] = field(default_factory=dict)
    individuals: Mapping[int, UUID] = field(default_factory=dict)


def effect_of(
    before: pl.DataFrame, after: pl.DataFrame, refused: Mapping[int, str], still: Mapping[int, str]
) -> Effect:
    """
    Compare what stands with what would.

    Parameters
    ----------
    before, after : polars.DataFrame
        Fixes as `corrections.live` gives them, of the same tags and times.
    refused, still : mapping of int to str
        Units refused before and after, with their codes.

    Examples
    --------
    >>> fix = {"tag_id": 1, "time": 0, "sensor": 0, "variant": 7, "individual_id": 3,
    ...        "lon": 1.0, "lat": 2.0}
    >>> effect = effect_of(pl.DataFrame([fix]), pl.DataFrame([fix | {"time": 60}]), {}, {})
    >>> effect.moved, effect.added, effect.individual_ids
    (1, 0, [3])
    """
    gone = before.join(after, on=_KEY, how="anti")
    come = after.join(before, on=_KEY, how="anti")
    pairs = []
    for on in (("tag_id", "sensor", "variant"), ("tag_id", "sensor", "time")):
        pair = _numbered(gone, on).join(
            _numbered(come, on), on=[*on, "nth"], how="inner", suffix="_after", coalesce=False
        )
        gone = gone.join(pair, on=_KEY, how="anti")
        come = come.join(
            pair.select(pl.col(f"{name}_after").alias(name) for name in _KEY), on=_KEY, how="anti"
        )
        pairs.append(pair)
    moved = pl.concat(pairs)
    changed = [
        *({"change": "moved", **row} for row in moved.sort(_KEY).head(LISTED_MAX).to_dicts()),
        *({"change": "removed", **row} for row in gone.sort(_KEY).head(LISTED_MAX).to_dicts()),
        *(
            {"change": "added", **_after(row)}
            for row in come.sort(_KEY).head(LISTED_MAX).to_dicts()
        ),
    ]
    birds = pl.concat([
        gone["individual_id"], come["individual_id"], moved["individual_id"],
        moved["individual_id_after"],
    ])  # fmt: skip
    listed = [_fix(row) for row in changed[:LISTED_MAX]]
    differ = sorted(u for u in refused.keys() | still.keys() if refused.get(u) != still.get(u))
    return Effect(
        added=come.height,
        removed=gone.height,
        moved=moved.height,
        unchanged=before.height - gone.height - moved.height,
        individual_ids=sorted(set(birds) - {0}),
        tag_ids=sorted({row["tag_id"] for row in listed}),
        fixes=listed,
        refusals_gone=len(refused.keys() - still.keys()),
        refusals_new=len(still.keys() - refused.keys()),
        refusals=[
            {"unit": u, "code_before": refused.get(u), "code_after": still.get(u)}
            for u in differ[:LISTED_MAX]
        ],
    )


def _numbered(fixes: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """Number fixes that are alike, so that each finds one partner at most."""
    return fixes.sort(_KEY).with_columns(pl.int_range(pl.len()).over(on).alias("nth"))


def _after(row: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_after": value for name, value in row.items()}


def _fix(row: dict[str, Any]) -> dict[str, Any]:
    """Shape one change: where and when the fix was, and is to be."""

    def at(end: str) -> dict[str, Any] | None:
        if row.get(f"time{end}") is None:
            return None
        time = _EPOCH + timedelta(microseconds=row[f"time{end}"])
        return {"time": time, "lon": row[f"lon{end}"], "lat": row[f"lat{end}"]}

    own = "" if "time" in row else "_after"
    return {
        "change": row["change"],
        "tag_id": row[f"tag_id{own}"],
        "individual_id": row[f"individual_id{own}"],
        "before": at("") if own == "" else None,
        "after": at("_after"),
    }
