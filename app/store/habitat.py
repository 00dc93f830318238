"""Habitat use as an audience sees it: bird-days by class, area, bird or season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound, TooLarge
from app.movement.protection import Basis, Cover, cover
from app.store.audience import RELEASED, Audience
from app.store.engine import execute
from app.store.fragments import days_of
from app.store.layers import OUTSIDE, Layer
from app.store.sight import GROUP_MIN, Filters, Where, where

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


@dataclass(frozen=True, slots=True)
class Use:
    """Bird-days in rows; `pending_bird_days` are known and not yet measured against the layer."""

    rows: list[dict[str, Any]]
    pending_bird_days: float


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

    Opened studies of others enter a row only with at least `GROUP_MIN` birds, and sums are over
    what is shown. Own studies are complete: rows and pending make up their presence. `names` are
    those of classes, where they are not the layer's own.
    """
    key, name = _KEYS[by]
    table = "presence_day" if layer is None else "use_day"
    chosen = _chosen(audience, filters)
    if layer is not None:
        chosen.add("x.layer_id = :layer", layer=layer.id)
    if by in {"class", "area", "protection"} and layer is not None:
        chosen.values["class_names"] = _names(layer, by) if names is None else _json(names)
    rows = await execute(
        conn,
        f"""
        with seen as (
          select {key} as key, {name} as name, {_PARTS[per]} as part, x.individual_id,
            x.bird_days, x.study_id = any(:exact) as own
          from {table} x join individual i on i.id = x.individual_id
          where {chosen.sql}
        ), grouped as (
          select part, key, name, {days_of("bird_days")} as bird_days,
            count(distinct individual_id) as birds
          from seen group by part, key, name, own
          having own or count(distinct individual_id) >= {GROUP_MIN}
        )
        select part, key, name, {days_of("bird_days")} as bird_days,
          sum(birds)::int as n_individuals
        from grouped group by part, key, name
        order by part, bird_days desc, key limit {ROWS_MAX + 1}
        """,
        chosen.values,
    )
    if len(rows) > ROWS_MAX:
        raise TooLarge(
            f"The answer has more than {ROWS_MAX:,} rows.",
            remedy="Narrow it by species, study, season or datetime.",
        )
    pending = 0.0 if layer is None else await _pending(conn, audience, filters, layer)
    return Use(rows, pending)


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
    chosen = where(audience).add(
        f"(x.study_id = any(:exact) or x.study_id = any(:open) and x.{RELEASED})"
    )
    chosen.birds(filters).season(filters)
    if filters.time_from is not None:
        chosen.add("x.day >= cast(:first as date)", first=filters.time_from.date())
    if filters.time_to is not None:
        chosen.add("x.day <= cast(:last as date)", last=filters.time_to.date())
    return chosen


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
