"""Generalised tracks by month: the lines of the map."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.features import Feature, when
from app.store.sight import TRACK_EXACT, TRACK_OPEN, WITH_BIRD, Filters, Where, where

PROPERTIES = {
    "individual": "i.local_identifier",
    "individual_id": "i.ref",
    "species": "x.species_key",
    "study": "s.name",
    "time_first": when("x.time_first"),
    "time_last": when("x.time_last"),
    "n_fixes": "x.n_fixes",
    "observed": "x.observed",
    "precision": "case when x.exact then 'exact' else s.public_grid_deg || ' degree grid' end",
    "simulated": "s.simulated",
}
_ORDER = {"x.time_first": "timestamptz", "i.ref": "uuid", "x.observed": "boolean"}
REF = (
    "concat_ws(':', i.ref, case when x.observed then 'observed' else 'unobserved' end,"
    " extract(epoch from x.time_first))"
)


def relation(audience: Audience, filters: Filters) -> str:
    """Return the track parts an audience sees; opened studies cost nothing where there are none."""
    if not audience.open:
        return f"({TRACK_EXACT})"
    narrowed = Where({}).birds(filters, species="p.species_key")
    extra = f"and {narrowed.sql}"
    return f"({TRACK_EXACT} union all {TRACK_OPEN % {'narrowed': extra}})"


async def feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: tuple[Any, ...] | None = None,
) -> list[Feature]:
    """Return one line feature per part; the key is (time_first, individual, observed)."""
    chosen = (
        where(audience)
        .birds(filters)
        .in_season(filters, "x.time_first", "x.time_last")
        .times(filters, "x.time_first", "x.time_last")
        .box(filters)
        .after(_ORDER, after)
    )
    text = features.feature(REF, "x.shape", PROPERTIES)
    return await features.read(
        conn,
        f"select {text} as text, x.time_first as key0, i.ref as key1, x.observed as key2"
        f" from {relation(audience, filters)} as x"
        f" {WITH_BIRD}"
        f" where {chosen.sql} order by {', '.join(_ORDER)} limit :fetch",
        {**chosen.values, "fetch": fetch},
    )
