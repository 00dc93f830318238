"""Habitat use as an audience sees it: bird-days by class, area, bird or season."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound, TooLarge
from app.movement.families import BIRDS_MIN, family_index
from app.movement.ledger import tally
from app.movement.protection import Basis, Cover, cover
from app.movement.track import DAY_US
from app.store.audience import Audience
from app.store.birddays import MONTH, TOLD, days_of, days_seen
from app.store.engine import execute
from app.store.layers import OUTSIDE, Layer
from app.store.sight import Filters, Where, where

By = Literal["class", "area", "individual", "season", "protection"]
Per = Literal["individual", "season", "species"]
ROWS_MAX = 10_000
"""Most rows of one answer: more than any layer has classes or any flock has birds."""

_LAYER = """
select l.id, l.ref, l.study_id, l.name, l.kind, l.classes, l.cell_size_m, l.source, l.note,
  l.recorded_at, l.version, l.licence, l.dated_on, s.ref as study
from layer l left join study s on s.id = l.study_id
where l.replaced_at is null and (l.study_id is null or l.study_id = any(:exact))
"""

_LAYER_FIELDS = tuple(field.name for field in fields(Layer))

_CLASS = "cast(:class_names as jsonb) ->> x.class_id::text"
_KEYS: dict[By, tuple[str, str]] = {
    "class": (_CLASS, _CLASS),
    "area": (_CLASS, _CLASS),
    "individual": ("i.ref::text", "i.local_identifier"),
    "season": ("coalesce(x.season, '')", "coalesce(x.season, '')"),
    "protection": (_CLASS, _CLASS),
}
"""Key and name of a row, as SQL expressions."""

_PARTS: dict[Per | None, str] = {
    None: "null::text",
    "individual": "i.ref::text",
    "season": "coalesce(x.season, '')",
    "species": "x.species_key",
}


CELLS_MAX = 500_000
"""Most sums of one bird in one row that intervals are made of: 200 MB of work."""

RowKey = tuple[str | None, str]
"""Part and key of a row."""

_Bird = tuple[int, int, str, str | None]
"""Id, study, local identifier and siblings."""


@dataclass(frozen=True, slots=True)
class Use:
    """
    Bird-days in rows; `pending_bird_days` are known and not yet measured against the layer.

    `intervals` are 95 % ones of the share of a row, by (part, key), among all that is shown.
    """

    rows: list[dict[str, Any]]
    pending_bird_days: float
    intervals: dict[RowKey, tuple[float, float]]


async def layers(
    conn: AsyncConnection, audience: Audience, *, fetch: int, after: Sequence[Any] | None = None
) -> list[dict[str, Any]]:
    """Return the current layers by name: the service's and those of the reader's own studies."""
    chosen = where(audience).after({"l.name": "text", "l.ref": "uuid"}, after)
    return await execute(
        conn,
        f"{_LAYER} and {chosen.sql} order by l.name, l.ref limit :fetch",
        {**chosen.values, "fetch": fetch},
    )


async def find_layer(conn: AsyncConnection, audience: Audience, ref: UUID | None) -> Layer:
    """Return a layer by reference, the service's boundary set without one; or NotFound."""
    if ref is None:
        condition = "l.study_id is null and l.kind = 'boundary' order by l.id desc limit 1"
    else:
        condition = "l.ref = :ref"
    rows = await execute(conn, f"{_LAYER} and {condition}", {**audience.sql, "ref": ref})
    if not rows:
        raise _unknown()
    named = {int(number): name for number, name in rows[0]["classes"].items()}
    return Layer(**{k: rows[0][k] for k in _LAYER_FIELDS} | {"classes": named})


async def land_cover(conn: AsyncConnection, audience: Audience) -> Layer | None:
    """Return the service's own raster of land cover, if one is loaded."""
    rows = await execute(
        conn,
        f"{_LAYER} and l.study_id is null and l.kind = 'raster' order by l.id desc limit 1",
        audience.sql,
    )
    return await find_layer(conn, audience, rows[0]["ref"]) if rows else None


def _unknown() -> NotFound:
    return NotFound(
        "There is no such layer for this caller.",
        remedy="Take the id from GET /api/v1/habitat/layers; a replaced layer has a new one.",
    )


async def owned_layer(conn: AsyncConnection, audience: Audience, ref: UUID) -> Layer:
    """Return a layer of the caller's own studies; any other is as good as missing."""
    layer = await find_layer(conn, audience, ref)
    if layer.study_id is None:
        raise _unknown()
    return layer


async def use(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    by: By,
    layer: Layer | None,
    per: Per | None = None,
    names: Mapping[int, str] | None = None,
) -> Use:
    """
    Return bird-days by key, largest first; `per` bird, season or species where that is asked.

    Opened studies of others enter as `_seen` tells, and sums are over what is shown. Own studies
    are complete: rows and pending make up their presence. `names` are those of classes, where
    they are not the layer's own.
    """
    seen, values = _seen(audience, filters, by=by, layer=layer, per=per, names=names)
    rows = await execute(
        conn,
        f"""
        select part, key, name, {days_of("bird_days")} as bird_days,
          count(distinct individual_id)::int as n_individuals
        from ({seen}) as seen group by part, key, name
        order by part, bird_days desc, key limit {ROWS_MAX + 1}
        """,
        values,
    )
    if len(rows) > ROWS_MAX:
        raise TooLarge(
            f"The answer has more than {ROWS_MAX:,} rows.",
            remedy="Narrow it by species, study, season or datetime.",
        )
    pending = 0.0 if layer is None else await _pending(conn, audience, filters, layer)
    spent = {}
    if "individual" not in {by, per}:  # of one bird no interval is told
        spent = await _spent(conn, seen, values)
    return Use(rows, pending, await asyncio.to_thread(_intervals, spent))


def _seen(
    audience: Audience,
    filters: Filters,
    *,
    by: By,
    layer: Layer | None,
    per: Per | None,
    names: Mapping[int, str] | None,
) -> tuple[str, dict[str, Any]]:
    """
    Return the SQL of a row for each day of a bird with its key, and the values it binds.

    Days of opened studies of others enter by `TOLD` groups: a study's birds of one species in one
    class, season and whole month.
    """
    key, name = _KEYS[by]
    table = "presence_day" if layer is None else "use_day"
    chosen = _chosen(audience, filters)
    if "individual" in {by, per} or filters.individual is not None:
        chosen.add("x.study_id = any(:exact)")
    if layer is not None:
        chosen.add("x.layer_id = :layer", layer=layer.id)
    if by in {"class", "area", "protection"} and layer is not None:
        chosen.values["class_names"] = _names(layer, by) if names is None else _json(names)
    group = ("i.study_id", "x.species_key", "coalesce(x.season, '')", MONTH,
             "0" if layer is None else "x.class_id")  # fmt: skip
    days = (
        f"select {key} as key, {name} as name, {_PARTS[per]} as part, x.individual_id,"
        " x.bird_days, x.study_id = any(:exact) as own, i.study_id, i.local_identifier,"
        f" i.terms ->> 'animal-siblings' as siblings, row({', '.join(group)}) as told_by"
        f" from {table} x join individual i on i.id = x.individual_id where {chosen.sql}"
    )
    return f"with days as ({days}) select * from days where {TOLD}", chosen.values


async def _spent(
    conn: AsyncConnection, seen: str, values: Mapping[str, Any]
) -> dict[RowKey, dict[_Bird, int]]:
    """Return the time of each bird in each row that is shown [microseconds]."""
    rows = await execute(
        conn,
        f"""
        select part, key, individual_id, study_id, local_identifier, siblings,
          sum((bird_days * {DAY_US})::bigint)::bigint as time_us
        from ({seen}) as seen group by 1, 2, 3, 4, 5, 6
        order by 1, 2, 3 limit {CELLS_MAX + 1}
        """,
        dict(values),
    )
    if len(rows) > CELLS_MAX:
        raise TooLarge(
            f"The intervals would be made of more than {CELLS_MAX:,} sums.",
            remedy="Narrow it by species, study, season or datetime.",
        )
    found: dict[RowKey, dict[_Bird, int]] = defaultdict(dict)
    for row in rows:
        who = (row["individual_id"], row["study_id"], row["local_identifier"], row["siblings"])
        found[row["part"], row["key"]][who] = row["time_us"]
    return found


def _intervals(spent: dict[RowKey, dict[_Bird, int]]) -> dict[RowKey, tuple[float, float]]:
    """Return the intervals of the shares of rows, those that can be told."""
    birds = sorted({bird for row in spent.values() for bird in row})
    if len(birds) < BIRDS_MIN:
        return {}
    at = {bird: k for k, bird in enumerate(birds)}
    time_us = np.zeros((len(birds), len(spent)), dtype=np.int64)
    for column, row in enumerate(spent.values()):
        for bird, time in row.items():
            time_us[at[bird], column] = time
    family = family_index(
        [bird[2] for bird in birds], [bird[3] for bird in birds], [bird[1] for bird in birds]
    )
    found = tally(time_us, family)
    ends = zip(found.low.tolist(), found.high.tolist(), strict=True)
    return {
        key: (low, high) for key, (low, high) in zip(spent, ends, strict=True) if not np.isnan(low)
    }


def _names(layer: Layer, by: By) -> str:
    """Return names by class number as JSON; land and coast of one area share theirs."""
    name = layer.area_name if by == "area" else layer.class_name
    return _json({number: name(number) for number in [*layer.classes, OUTSIDE]})


def _json(names: Mapping[int, str]) -> str:
    return orjson.dumps({str(number): name for number, name in names.items()}).decode()


async def covers(
    conn: AsyncConnection, audience: Audience, layer: Layer, basis: Basis
) -> dict[int, Cover]:
    """Return what each class of a layer of designations means to the birds of these readers."""
    chosen = _chosen(audience, Filters()).add("x.layer_id = :layer", layer=layer.id)
    rows = await execute(
        conn, f"select distinct class_id from use_day x where {chosen.sql}", chosen.values
    )
    return {row["class_id"]: cover(row["class_id"], layer.classes, basis) for row in rows}


def _chosen(audience: Audience, filters: Filters) -> Where:
    return days_seen(audience, filters).birds(filters).season(filters)


async def _pending(
    conn: AsyncConnection, audience: Audience, filters: Filters, layer: Layer
) -> float:
    """Return own bird-days that the layer should cover and does not yet."""
    own = Audience(audience.kind, exact=_covered(audience, layer))
    chosen = _chosen(own, filters)
    rows = await execute(
        conn,
        f"""
        select coalesce((select {days_of("x.bird_days")} from presence_day x
            join individual i on i.id = x.individual_id where {chosen.sql}), 0)
          - coalesce((select {days_of("x.bird_days")} from use_day x
            join individual i on i.id = x.individual_id
            where {chosen.sql} and x.layer_id = :layer), 0) as pending
        """,
        {**chosen.values, "layer": layer.id},
    )
    return float(rows[0]["pending"])


def _covered(audience: Audience, layer: Layer) -> tuple[int, ...]:
    return tuple(study for study in audience.exact if layer.study_id in {None, study})


async def added_layer(
    conn: AsyncConnection, audience: Audience, study_id: int, name: str
) -> dict[str, Any]:
    """Return the layer that a study has under a name."""
    rows = await execute(
        conn,
        f"{_LAYER} and l.study_id = :study and l.name = :name",
        {**audience.sql, "study": study_id, "name": name},
    )
    return rows[0]
