"""The ledger of a flyway as an audience sees it: bird-days by area, season, protection, class."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import TooLarge
from app.movement.families import family_index
from app.movement.ledger import tally
from app.movement.protection import BETWEEN, UNDATED, Basis, Cover, cover, is_ramsar
from app.movement.track import DAY_US
from app.store.audience import Audience
from app.store.birddays import MONTH, TOLD, days_seen
from app.store.engine import execute
from app.store.layers import COAST, OUTSIDE, Layer
from app.store.sight import Filters

Dimension = Literal["area", "season", "protection", "class"]
DIMENSIONS: tuple[Dimension, ...] = ("area", "season", "protection", "class")

CELLS_MAX = 500_000
"""Most sums of one bird in one row that an answer is made of: 200 MB of work."""

DISPUTED = frozenset({"Siachen Glacier"})
"""Areas that Natural Earth itself calls indeterminate, within the flyways of Asia's cranes."""

UNPROTECTED = "none"
NOT_MEASURED = "not measured"
_NOT_WILD = ("confined", "relocated", "reintroduction")
"""Manipulation types whose birds stay out: where they were was not their own choice."""

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which ledger: species, part of the year (None: all of it), layers, and what to divide by."""

    species: str
    season: str | None
    simulated: bool
    by: tuple[Dimension, ...]
    boundary: Layer | None
    layer: Layer | None
    protection: tuple[Layer, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows, largest first, and the sample they stand for."""

    rows: list[dict[str, Any]]
    bird_days: float
    unobserved_days: float
    birds: int
    families: int
    birds_tracked: int
    birds_left_out: int


@dataclass(frozen=True, slots=True)
class _Bird:
    study_id: int
    name: str
    siblings: str | None
    capture_area: str | None
    wild: bool


async def ledger(
    conn: AsyncConnection, audience: Audience, filters: Filters, asked: Asked
) -> Ledger:
    """
    Return the ledger; real birds of opened studies of others enter as `_cells` tells.

    Every sum is over what is shown; times are whole microseconds: no order changes a digit.
    """
    birds = await _birds(conn, audience, asked)
    wild = [bird for bird, about in birds.items() if about.wild]
    cells = await _cells(conn, audience, filters, asked, wild)
    shown: dict[Key, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    unseen: dict[tuple[int, str], int] = defaultdict(int)
    for cell in cells:
        bird = cell["individual_id"]
        if cell["observed"]:
            shown[_asked_of(_key(cell, asked), asked)][bird] += cell["time_us"]
        else:
            unseen[bird, cell["season"]] += cell["time_us"]
    rows, families = await asyncio.to_thread(_rows, shown, birds, unseen)
    used = {bird for spent in shown.values() for bird in spent}
    return Ledger(
        rows=[{**_named(row.pop("key"), asked), **row} for row in rows],
        bird_days=sum(sum(spent.values()) for spent in shown.values()) / DAY_US,
        unobserved_days=sum(t for (bird, _), t in unseen.items() if bird in used) / DAY_US,
        birds=len(used),
        families=families,
        birds_tracked=len(birds),
        birds_left_out=len(birds) - len(wild),
    )


def _rows(
    shown: dict[Key, dict[int, int]], birds: dict[int, _Bird], unseen: dict[tuple[int, str], int]
) -> tuple[list[dict[str, Any]], int]:
    """Return the rows, largest first, and the number of families in them."""
    used = sorted({bird for spent in shown.values() for bird in spent})
    at = {bird: k for k, bird in enumerate(used)}
    keys = sorted(shown, key=lambda key: (-sum(shown[key].values()), [k or "" for k in key]))
    spent = np.zeros((len(used), len(keys)), dtype=np.int64)
    for column, key in enumerate(keys):
        for bird, time in shown[key].items():
            spent[at[bird], column] = time
    family = family_index(
        [birds[b].name for b in used],
        [birds[b].siblings for b in used],
        [birds[b].study_id for b in used],
    )
    found = tally(spent, family)
    whole = int(found.time_us.sum())
    rows = []
    for k, key in enumerate(keys):
        here = [bird for bird in used if found.present[at[bird], k]]
        low, high = float(found.low[k]), float(found.high[k])
        rows.append(
            {
                "key": key,
                "bird_days": int(found.time_us[k]) / DAY_US,
                "share": int(found.time_us[k]) / whole,
                "share_low": None if np.isnan(low) else low,
                "share_high": None if np.isnan(high) else high,
                "birds": int(found.n_birds[k]),
                "families": int(found.n_families[k]),
                "capture_areas": sorted({birds[b].capture_area or NOT_MEASURED for b in here}),
                "unobserved_days": _unobserved(here, key, unseen) / DAY_US,
            }
        )
    return rows, int(family.max(initial=-1)) + 1


def _unobserved(here: Iterable[int], key: Key, unseen: dict[tuple[int, str], int]) -> int:
    """Return the silence of a row's birds, in the row's season where it has one [microseconds]."""
    birds, season = set(here), key[1]
    return sum(
        time
        for (bird, when), time in unseen.items()
        if bird in birds and (season is None or when == season)
    )


def _key(cell: dict[str, Any], asked: Asked) -> Key:
    """Return (area, season, designations, Ramsar, class) of a sum; None: no such layer."""
    legal = ramsar = None
    if asked.protection:
        legal, ramsar = _protection(cell["protection"], asked)
    of_layer = str(cell["class"]) if asked.layer else None
    return str(cell["area"]), cell["season"], legal, ramsar, of_layer


def _asked_of(key: Key, asked: Asked) -> Key:
    """Return a key with what the rows are not divided by left out."""
    dimensions = ("area", "season", "protection", "protection", "class")
    return tuple(
        part if dimension in asked.by else None
        for part, dimension in zip(key, dimensions, strict=True)
    )


def _protection(classes: Sequence[int | None], asked: Asked) -> tuple[str, str]:
    """Name the legal designations and the Ramsar listing of a place; overlaps are one place."""
    held = protected_by(classes, asked.protection, asked.basis)
    if held is None:
        return NOT_MEASURED, NOT_MEASURED
    legal, listed = (_words(held, ramsar=ramsar) for ramsar in (False, True))
    return legal, listed


def _words(held: Cover, *, ramsar: bool) -> str:
    """Name what holds of legal designations, or of Ramsar listings; each by its own dates."""
    names = [name for name in held.holding if is_ramsar(name) == ramsar]
    undated = any(is_ramsar(name) == ramsar for name in held.undated)
    return BETWEEN.join(names) or (UNDATED if undated else UNPROTECTED)


def protected_by(
    classes: Sequence[int | None], layers: Sequence[Layer], basis: Basis
) -> Cover | None:
    """Return what these layers hold at a place of these classes; None: not yet measured."""
    known = [
        cover(number, layer.classes, basis)
        for number, layer in zip(classes, layers, strict=True)
        if number is not None
    ]
    return Cover.joint(known) if known else None


def _named(key: Key, asked: Asked) -> dict[str, Any]:
    """Put the key of a row into words."""
    area, season, legal, ramsar, of_layer = key
    out: dict[str, Any] = dict.fromkeys(
        ("area", "area_kind", "season", "protection", "ramsar", "class")
    )
    if area is not None:
        out |= dict(zip(("area", "area_kind"), _area(area, asked.boundary), strict=True))
    out |= {"season": season, "protection": legal, "ramsar": ramsar}
    if of_layer is not None and asked.layer is not None:
        measured = of_layer != str(None)
        out["class"] = asked.layer.class_name(int(of_layer)) if measured else NOT_MEASURED
    return out


def _area(number: str, boundary: Layer | None) -> tuple[str, str]:
    """Return an area and whether it is land, coast, sea or disputed; never nothing."""
    if boundary is None or number == str(None):
        return NOT_MEASURED, NOT_MEASURED
    class_id = int(number)
    name = boundary.area_name(class_id)
    if class_id == OUTSIDE:
        return name, "sea"
    if name in DISPUTED or "disputed" in name.casefold():
        return name, "disputed"
    return name, "coast" if boundary.class_name(class_id).endswith(COAST) else "land"


def _class_in(name: str) -> str:
    return f"x.class_ids[array_position(x.layer_ids, cast(:{name} as int))]"


_MANIPULATED = """exists (select from deployment d where d.individual_id = i.id
  and d.replaced_at is null and d.terms ->> 'manipulation-type' = any(:not_wild))"""


async def _cells(
    conn: AsyncConnection, audience: Audience, filters: Filters, asked: Asked, birds: list[int]
) -> list[dict[str, Any]]:
    """
    Return the time of each of these birds in each combination of classes and seasons.

    Days of opened studies of others enter by `TOLD` groups: a study's birds in one combination,
    season and whole month, before rows are put together: the total is the same by whatever it is
    divided. Silence has no place, and simulated birds no secrets: neither waits for others.
    """
    chosen = days_seen(audience, filters, simulated=asked.simulated)
    chosen.add("x.individual_id = any(cast(:birds as int[]))", birds=birds)
    chosen.add("x.species_key = :species", species=asked.species)
    season = "coalesce(nullif(substr(x.season, 6), ''), 'unknown')"
    if asked.season == "other":
        chosen.add(f"{season} not in ('spring', 'autumn')")
    elif asked.season is not None:
        chosen.add(f"{season} = :season", season=asked.season)
    chosen.values |= {
        "boundary": asked.boundary.id if asked.boundary else None,
        "layer": asked.layer.id if asked.layer else None,
    }
    listed = {f"protection{k}": layer.id for k, layer in enumerate(asked.protection)}
    chosen.values |= listed
    place = (
        _class_in("boundary"), _class_in("layer"),
        f"cast(array[{', '.join(map(_class_in, listed))}] as bigint[])",
    )  # fmt: skip
    group = ", ".join(("x.study_id", "x.observed", season, MONTH, *place))
    rows = await execute(
        conn,
        f"""
        with days as (
          select x.individual_id, x.observed, {season} as season, {place[0]} as area,
            {place[1]} as class, {place[2]} as protection, x.bird_days,
            x.study_id = any(:exact) as own, row({group}) as told_by
          from ledger_day x where {chosen.sql})
        select individual_id, observed, season, area, class, protection,
          sum((bird_days * {DAY_US})::bigint)::bigint as time_us
        from days where {"true" if asked.simulated else f"not observed or {TOLD}"}
        group by 1, 2, 3, 4, 5, 6 limit {CELLS_MAX + 1}
        """,
        chosen.values,
    )
    if len(rows) > CELLS_MAX:
        raise TooLarge(
            f"The ledger would be made of more than {CELLS_MAX:,} sums.",
            remedy="Narrow it by datetime, or ask for one part of the year.",
        )
    return rows


async def _birds(conn: AsyncConnection, audience: Audience, asked: Asked) -> dict[int, _Bird]:
    """Return the birds of the flyway that this audience knows of."""
    rows = await execute(
        conn,
        f"""
        select i.id, i.study_id, i.local_identifier as name,
          i.terms ->> 'animal-siblings' as siblings, c.area as capture_area,
          not {_MANIPULATED} as wild
        from individual i join study s on s.id = i.study_id
          left join capture c on c.individual_id = i.id
        where i.species_key = :species and s.simulated = :simulated
          and (i.study_id = any(:exact) or i.study_id = any(:open))
        """,
        {
            **audience.sql, "species": asked.species, "simulated": asked.simulated,
            "not_wild": list(_NOT_WILD),
        },
    )  # fmt: skip
    return {row.pop("id"): _Bird(**row) for row in map(dict, rows)}
