"""Fixes of one bird, and where each bird was last seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.seeds import profiles
from app.store import features
from app.store.audience import Audience
from app.store.features import Feature, when
from app.store.sight import POSITION, Filters, where

_SPECIES_NAME = "cast(:species_names as json) ->> x.species_key"
_PROPERTIES = {
    "id": "i.ref",
    "individual": "i.local_identifier",
    "individual_id": "i.ref",
    "species": "x.species_key",
    "species_name": f"coalesce(nullif({_SPECIES_NAME}, ''), i.taxon)",
    "study": "s.name",
    "time": when("x.time"),
    "precision": "case when x.exact then 'exact' else s.public_grid_deg || ' degree grid' end",
    "simulated": "s.simulated",
}


async def positions_feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[Feature]:
    """Return one point feature per bird; the key is the individual."""
    chosen = (
        where(audience)
        .birds(filters)
        .in_season(filters, "x.time", "x.time")
        .times(filters, "x.time", "x.time")
        .box(filters)
        .after({"i.ref": "uuid"}, after)
    )
    return await features.read(
        conn,
        f"select {features.feature('i.ref', 'x.shape', _PROPERTIES)} as text, i.ref as key0"
        f" from {POSITION} as x"
        " join individual i on i.id = x.individual_id join study s on s.id = x.study_id"
        f" where {chosen.sql} order by i.ref limit :fetch",
        {**chosen.values, "fetch": fetch, "species_names": species_names()},
    )


def species_names() -> str:
    """Return scientific names by species key as JSON, for statements that print them."""
    return orjson.dumps({key: row.scientific_name for key, row in profiles().items()}).decode()
