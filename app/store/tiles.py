"""Vector tiles, encoded by PostGIS: every row an audience sees is in some tile of every zoom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement import mercator
from app.movement.density import PUBLIC_LEVELS, level_at
from app.store import flyways, sites, stopovers, tracks
from app.store.audience import RELEASED, Audience
from app.store.engine import execute
from app.store.features import when
from app.store.sight import WITH_BIRD, Filters, Where, cut, point, where

EXTENT = 4096
"""Units along the edge of a tile, as every encoder and viewer uses by default."""
MARGIN_LEVELS = 6
MARGIN = EXTENT >> MARGIN_LEVELS
"""How far lines and areas run on past the edge [units], 64: wider than any line is drawn."""
PAST_EAST, PAST_SOUTH, PAST_NORTH = 181.0, -91.0, 91.0
"""Edges that leave no place on earth outside of the outermost tiles [degrees]."""
SINGLE_ZOOM = 6
"""From this zoom each stopover and track part is a feature of its own; a tile is 400 km wide."""
GROUP_CELLS = 64
"""Cells along the edge of a tile that hold one group of stopovers each: 8 pixels."""

_AREA = "st_tileenvelope(:z, :x, :y)"
_NEAR = "st_makeenvelope(:near_west, :near_south, :near_east, :near_north, 4326)"
_IN_BOX = "st_makeenvelope(:west, :south, :east, :north, 4326)"


@dataclass(frozen=True, slots=True)
class Spot:
    """One tile of the map."""

    z: int
    x: int
    y: int

    @property
    def values(self) -> dict[str, Any]:
        """Values for the binds of a read: the outermost tiles hold what lies past the map."""
        last = (1 << self.z) - 1
        west, south, east, north = mercator.bounds(self.z, self.x, self.y)
        left, low, right, high = self._near()
        top, bottom = self.y == 0, self.y == last
        return {
            "z": self.z, "x": self.x, "y": self.y,
            "west": west, "east": PAST_EAST if self.x == last else east,
            "south": PAST_SOUTH if bottom else south, "north": PAST_NORTH if top else north,
            "near_west": left, "near_east": right,
            "near_south": PAST_SOUTH if bottom else low,
            "near_north": PAST_NORTH if top else high,
        }  # fmt: skip

    def _near(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north of the tile with its margin [degrees]."""
        fine, parts = self.z + MARGIN_LEVELS, 1 << MARGIN_LEVELS
        west, _, _, north = mercator.bounds(fine, self.x * parts - 1, self.y * parts - 1)
        _, south, east, _ = mercator.bounds(fine, (self.x + 1) * parts, (self.y + 1) * parts)
        return west, south, east, north


def _mercator(shape: str) -> str:
    """Return a shape on the map's plane, which ends at the edge of the square world."""
    edge = mercator.LAT_MAX_DEG
    world = f"st_makeenvelope(-180, {-edge}, 180, {edge}, 4326)"
    inside = f"st_ymin({shape}) >= {-edge} and st_ymax({shape}) <= {edge}"
    bounded = f"case when {inside} then {shape} else st_clipbybox2d({shape}, {world}) end"
    return f"st_transform({bounded}, 3857)"


def _within(place: str) -> str:
    """Tell whether a place belongs to this tile; it belongs to one alone."""
    return (
        f"st_x({place}) >= :west and st_x({place}) < :east"
        f" and st_y({place}) > :south and st_y({place}) <= :north"
    )


def _spot_of(place: str) -> str:
    """Return a place in units of the tile, never cut off."""
    edge = mercator.LAT_MAX_DEG
    bounded = point(f"st_x({place})", f"greatest({-edge}, least({edge}, st_y({place})))")
    return f"st_asmvtgeom(st_transform({bounded}, 3857), {_AREA}, {EXTENT}, 0, false)"


def _named(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in properties.items())


def _points(source: str, chosen: Where, properties: Mapping[str, str], shape: str) -> str:
    inside = f"{shape} && {_IN_BOX} and {_within(shape)}"
    return (
        f"select {_spot_of(shape)} as geom, {_named(properties)} from {source}"
        f" where {chosen.sql} and {inside}"
    )


def _shapes(source: str, chosen: Where, properties: Mapping[str, str], drawn: str) -> str:
    """Lines and areas; one too small to be drawn is the point it starts at."""
    start = "st_geometryn(st_points(c.shape), 1)"
    return f"""
    select coalesce(m.geom, case when {_within(start)} then {_spot_of(start)} end) as geom,
      {_named(properties)}
    from {source}
    cross join lateral (select {cut(drawn)} as shape offset 0) as c
    cross join lateral (select st_asmvtgeom({_mercator("c.shape")}, {_AREA}, {EXTENT}, {MARGIN})
      as geom offset 0) as m
    where {chosen.sql} and x.shape && {_NEAR}
    """


_STOPOVER = {
    "id": "x.ref::text",
    **stopovers.PROPERTIES,
    "individual_id": "i.ref::text",
    "site_id": "site.ref::text",
    "n_stopovers": "1",
    "n_individuals": "1",
    "bird_days": "x.duration_min_s / 86400.0",
}
_GROUPED = {
    "species": "species", "kind": "kind", "simulated": "simulated",
    "n_stopovers": "count(*)::int", "n_individuals": "count(distinct individual_id)::int",
    "bird_days": "sum(bird_days)",
}  # fmt: skip
_TRACK = {
    "id": tracks.REF, **tracks.PROPERTIES, "individual_id": "i.ref::text",
    "n_fixes": "x.n_fixes",
}  # fmt: skip
_BIRD = ("individual", "individual_id", "species", "study", "observed", "precision", "simulated")
_SITE = {
    "id": "x.ref::text", **sites.PROPERTIES,
    "species": "array_to_string(x.species_keys, ',')",
}  # fmt: skip
_FLYWAY = {
    "id": "x.ref", **flyways.PROPERTIES,
    # A tile holds no lists: the widths along a route are text, one JSON array each.
    "width_50_m": "to_json(x.width_50_m)::text", "width_95_m": "to_json(x.width_95_m)::text",
    "from_site": "x.from_site::text", "to_site": "x.to_site::text",
}  # fmt: skip

Reader = Callable[[AsyncConnection, Audience, Filters, Spot], Awaitable[bytes]]


async def read_stopovers(
    conn: AsyncConnection, audience: Audience, filters: Filters, spot: Spot
) -> bytes:
    """Return stopovers one by one; on small scales groups of a cell, species and kind."""
    chosen = where(audience).birds(filters)
    sql = _points(stopovers.source(), chosen, _STOPOVER, "x.shape")
    if spot.z < SINGLE_ZOOM:
        sql = f"""
        select st_makepoint(avg(st_x(geom)), avg(st_y(geom))) as geom, {_named(_GROUPED)}
        from ({sql}) as single
        group by floor(st_x(geom) * {GROUP_CELLS} / {EXTENT}),
          floor(st_y(geom) * {GROUP_CELLS} / {EXTENT}), species, kind, simulated
        """
    return await _encoded(conn, "stopovers", sql, {**chosen.values, "scope": audience.scope}, spot)


async def read_tracks(
    conn: AsyncConnection, audience: Audience, filters: Filters, spot: Spot
) -> bytes:
    """Return track parts one by one; on small scales a bird in one feature, drawn roughly."""
    chosen = where(audience).birds(filters)
    source = f"{tracks.relation(audience, filters)} as x {WITH_BIRD}"
    if spot.z >= SINGLE_ZOOM:
        return await _encoded(
            conn, "tracks", _shapes(source, chosen, _TRACK, "x.shape"), chosen.values, spot
        )
    names = ", ".join(_BIRD)
    whole = {"first": "x.time_first", "last": "x.time_last"}
    parts = _shapes(
        source, chosen, {**{name: _TRACK[name] for name in _BIRD}, **whole}, "x.overview"
    )
    sql = f"""
    select st_multi(st_collectionextract(st_collect(geom), st_dimension(geom) + 1)) as geom,
      {names}, {when("min(first)")} as time_first, {when("max(last)")} as time_last
    from ({parts}) as parts where geom is not null group by st_dimension(geom), {names}
    """
    return await _encoded(conn, "tracks", sql, chosen.values, spot)


async def read_sites(
    conn: AsyncConnection, audience: Audience, filters: Filters, spot: Spot
) -> bytes:
    """Return the sites of the audience's catalogue."""
    chosen = where(audience).add("x.scope = :scope", scope=audience.scope)
    if filters.species is not None:
        chosen.add(":species = any(x.species_keys)", species=filters.species)
    sql = _points("site x", chosen, _SITE, point("x.lon", "x.lat"))
    return await _encoded(conn, "sites", sql, chosen.values, spot)


async def read_flyways(
    conn: AsyncConnection, audience: Audience, filters: Filters, spot: Spot
) -> bytes:
    """
    Return connections, corridors, mean routes and silences.

    A connection with no line of its own is in no tile.
    """
    chosen = where(audience).add("x.scope = :scope", scope=audience.scope)
    if filters.species is not None:
        chosen.add("x.species_key = :species", species=filters.species)
    sql = _shapes(f"{flyways.PARTS} as x", chosen, _FLYWAY, "x.shape")
    return await _encoded(conn, "flyways", sql, chosen.values, spot)


async def read_density(
    conn: AsyncConnection, audience: Audience, filters: Filters, spot: Spot
) -> bytes:
    """Return cells with the hours that birds spent in them: own studies finer than opened ones."""
    level, public_level = level_at(spot.z), level_at(spot.z, PUBLIC_LEVELS)
    chosen = where(audience)
    if filters.species is not None:
        chosen.add("d.species_key = :species", species=filters.species)
    parts = (
        cells(
            spot, level, f"d.study_id = any(:exact) and {chosen.sql}",
            source="density_total", exact=True,
        ),
        cells(
            spot, public_level,
            f"d.public and d.study_id = any(:open) and d.{RELEASED} and {chosen.sql}",
            source="density_cell", exact=False,
        ),
    )  # fmt: skip
    return await _encoded(conn, "density", " union all ".join(parts), chosen.values, spot)


def cells(spot: Spot, level: int, condition: str, *, source: str, exact: bool) -> str:
    """
    Sum the cells of a level that lie in the tile; each is a square.

    A bird is of one study, so those of the studies add up. density_total has one row a bird, the
    other a row a month.
    """
    of_bird = source == "density_total"
    hours, grouped = ("d.hours", "") if of_bird else ("sum(d.hours)", "group by 1, 2, 3, 4")
    times = 1 << (level - spot.z)
    units = EXTENT // times
    west, north = spot.x * times, spot.y * times
    left, top = f"(x - {west}) * {units}", f"(y - {north}) * {units}"
    return f"""
    select st_makeenvelope({left}, {top}, {left} + {units}, {top} + {units}) as geom,
      level, x, y, exact, simulated, hours, n_individuals
    from (
      select {level} as level, b.x, b.y, {exact} as exact, s.simulated,
        sum(b.hours)::int as hours, sum(b.n)::int as n_individuals
      from (
        select o.x, o.y, o.study_id, sum(o.hours) as hours, count(*) as n
        from (
          select d.x, d.y, d.individual_id, d.study_id, {hours} as hours
          from {source} d
          where d.level = {level} and d.x between {west} and {west + times - 1}
            and d.y between {north} and {north + times - 1} and {condition} {grouped}
        ) as o group by 1, 2, 3
      ) as b join study s on s.id = b.study_id
      group by 1, 2, 3, 4, 5
    ) as cells
    """


async def _encoded(
    conn: AsyncConnection, layer: str, sql: str, values: Mapping[str, Any], spot: Spot
) -> bytes:
    """Encode the rows in an order that depends on their content alone; none is no bytes."""
    rows = await execute(
        conn,
        f"""
        select coalesce(st_asmvt(m, '{layer}', {EXTENT}, 'geom'), '') as tile
        from (select * from ({sql}) as f where geom is not null order by f::text) as m
        """,
        {**values, **spot.values},
    )
    return bytes(rows[0]["tile"])


READERS: Mapping[str, Reader] = {
    "density": read_density,
    "tracks": read_tracks,
    "stopovers": read_stopovers,
    "sites": read_sites,
    "flyways": read_flyways,
}
"""Every layer with what reads a tile of it."""
