"""Key sites and use of a species: what they are made of for each reader, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.features import Feature
from app.store.sight import SEASON_USE, where

Row = dict[str, Any]

_SAMPLE = (
    "species_key", "season", "n_birds", "representativeness", "asymptote", "sufficient",
    "birds_exceeded", "scale_m", "observed_days", "unobserved_days", "version",
)  # fmt: skip
_SITE = ("species_key", "season", "number", "area", "area_km2", "n_birds", "n_birds_max")

_AREA = ("species_key", "season", "level", "area_km2", "share_told")

_REF = (
    "concat_ws(':', x.species_key, x.season, x.number, case when x.simulated then 'simulated' end)"
)
PROPERTIES = {
    "species": "x.species_key",
    "season": "x.season",
    "simulated": "x.simulated",
    "country": "x.area",
    "area_km2": "x.area_km2",
    "n_birds": "x.n_birds",
    "n_birds_max": "x.n_birds_max",
    "n_birds_sample": "s.n_birds",
    "birds_exceeded": "s.birds_exceeded",
    "representativeness": "s.representativeness",
    "sufficient": "s.sufficient",
}


def subject(scope: str, *, simulated: bool) -> str:
    """Name the key sites of a catalogue as work; no push waits for it."""
    return f"key sites:{scope}:{int(simulated)}"


async def waiting(conn: AsyncConnection, *, limit: int) -> list[tuple[str, bool]]:
    """
    Return catalogues whose key sites are to be found.

    All else goes first: for ten minutes, and half a minute for each bird that is to be measured, so
    that a rebuild finds them once and a flock that always sends finds them at all.
    """
    rows = await execute(
        conn,
        """
        select scope, simulated from key_site_due where dead_at is null
          and (since_at < clock_timestamp() - interval '1 s' * greatest(600, 30 * (
              select count(*) from utilisation_due where dead_at is null))
            or not exists (select from dirty where dead_at is null)
              and not exists (select from decoding where state = 'received')
              and not exists (select from product_dirty where dead_at is null)
              and not exists (select from utilisation_due where dead_at is null))
        order by since_at limit :limit
        """,
        {"limit": limit},
    )
    return [(row["scope"], row["simulated"]) for row in rows]


async def due(conn: AsyncConnection, scope: str, *, simulated: bool) -> int | None:
    """Return the revision of what waits of one catalogue; None when its key sites stand."""
    rows = await execute(
        conn,
        "select revision from key_site_due where scope = :scope and simulated = :simulated",
        {"scope": scope, "simulated": simulated},
    )
    return int(rows[0]["revision"]) if rows else None


async def uses(conn: AsyncConnection, audience: Audience) -> list[Row]:
    """Return the hours by cell of every season that these readers see, by bird and season."""
    return await execute(
        conn,
        "select x.individual_id, x.species_key, x.season, x.exact, x.n_hours, x.unobserved_s,"
        f" x.cells from {SEASON_USE} as x order by x.individual_id, x.season",
        audience.sql,
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one catalogue: samples of birds, key sites, and areas that a species used."""

    samples: Sequence[Row]
    sites: Sequence[Row]
    areas: Sequence[Row]


async def settle(
    conn: AsyncConnection, scope: str, revision: int, made: Found, *, simulated: bool
) -> None:
    """
    Let what was found from one revision stand, and wait no more unless more has changed since.

    Birds that change go on meanwhile, so that a busy flock never waits for a quiet moment. Where
    another worker has found all that waited, its rows are the newer ones and stay.
    """
    binds = {"scope": scope, "simulated": simulated, "revision": revision}
    waits = await execute(
        conn,
        "select from key_site_due where scope = :scope and simulated = :simulated for update",
        binds,
    )
    if not waits:
        return
    await replace(conn, scope, made, simulated=simulated)
    await execute(
        conn,
        "delete from key_site_due where scope = :scope and simulated = :simulated"
        " and revision = :revision",
        binds,
    )
    await execute(
        conn,
        "update key_site_due set since_at = clock_timestamp()"
        " where scope = :scope and simulated = :simulated",
        binds,
    )


async def replace(conn: AsyncConnection, scope: str, made: Found, *, simulated: bool) -> None:
    """Let exactly these rows stand."""
    binds = {"scope": scope, "simulated": simulated}
    for table, columns, rows in (
        ("key_sample", _SAMPLE, made.samples),
        ("key_site", (*_SITE, "geom"), made.sites),
        ("species_use", (*_AREA, "geom"), made.areas),
    ):
        await execute(
            conn, f"delete from {table} where scope = :scope and simulated = :simulated", binds
        )
        slots = ", ".join(
            "ST_GeomFromWKB(:geom, 4326)" if name == "geom" else f":{name}" for name in columns
        )
        for row in rows:
            await execute(
                conn,
                f"insert into {table} (scope, simulated, {', '.join(columns)})"
                f" values (:scope, :simulated, {slots})",
                {**binds, **{name: row[name] for name in columns}},
            )


async def found(
    conn: AsyncConnection, audience: Audience, *, species: str | None, season: str | None
) -> tuple[list[Feature], list[Row]]:
    """Return key sites, the largest of each species and season first, and their samples."""
    chosen = where(audience).add(
        "x.scope = :scope and (cast(:species as text) is null or x.species_key = :species)"
        " and (cast(:season as text) is null or x.season = :season)",
        scope=audience.scope, species=species, season=season,
    )  # fmt: skip
    sites = await features.read(
        conn,
        f"select {features.feature(_REF, 'x.geom', PROPERTIES)} as text from key_site x"
        " join key_sample s using (scope, simulated, species_key, season)"
        f" where {chosen.sql} order by x.species_key, x.season, x.simulated, x.number",
        chosen.values,
    )
    samples = await execute(
        conn,
        f"select x.species_key as species, x.simulated, {', '.join('x.' + c for c in _SAMPLE[1:])}"
        f" from key_sample x where {chosen.sql} order by 1, 3, 2",
        chosen.values,
    )
    return sites, samples


_AREA_REF = (
    "concat_ws(':', x.species_key, x.season, x.level, case when x.simulated then 'simulated' end)"
)
AREA_PROPERTIES = {
    "species": "x.species_key",
    "season": "x.season",
    "simulated": "x.simulated",
    "level": "x.level",
    "area_km2": "x.area_km2",
    "share_told": "x.share_told",
    "n_birds": "s.n_birds",
    "representativeness": "s.representativeness",
    "observed_days": "s.observed_days",
    "unobserved_days": "s.unobserved_days",
    "scale_m": "s.scale_m",
}


async def areas(
    conn: AsyncConnection,
    audience: Audience,
    species: str,
    *,
    levels: Sequence[int],
    season: str | None,
) -> list[Feature]:
    """Return the areas that a species used, by kind of season and then from the widest."""
    chosen = where(audience).add(
        "x.scope = :scope and x.species_key = :species"
        " and x.level = any(cast(:levels as int[]))"
        " and (cast(:season as text) is null or x.season = :season)",
        scope=audience.scope, species=species, levels=list(levels), season=season,
    )  # fmt: skip
    return await features.read(
        conn,
        f"select {features.feature(_AREA_REF, 'x.geom', AREA_PROPERTIES)} as text"
        " from species_use x join key_sample s using (scope, simulated, species_key, season)"
        f" where {chosen.sql} order by x.season, x.simulated, x.level desc",
        chosen.values,
    )


async def pending(conn: AsyncConnection, audience: Audience) -> bool:
    """Tell whether the caller's key sites are yet to be found again."""
    rows = await execute(
        conn,
        "select exists (select from key_site_due where scope = :scope)"
        " or exists (select from utilisation_due where study_id = any(:exact)) as pending",
        {"scope": audience.scope, "exact": list(audience.exact)},
    )
    return bool(rows[0]["pending"])
